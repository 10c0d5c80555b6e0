// The rules of the contract for each field, as in common/contract/rules.h. Bounds that operators
// choose (CHANNEL_NAME_LIMIT, METADATA_LIMIT, PUBLISH_LIMIT) are the broker's to check.
//
// A check returns the value as it is written, or throws SlipInvalidError.
import { bytesOf, isBase64, toBase64 } from './base64.js'
import { invalid } from './errors.js'

const CONNECTION_ID_BYTES_MAX = 128
const CHANNEL_BYTES_MAX = 4096
const REASON_BYTES_MAX = 123
const SUBPROTOCOL_BYTES_MAX = 256
const REFUSAL_BODY_BYTES_MAX = 65536
const HEADERS_MAX = 64
const HEADERS_BYTES_MAX = 4096
const HEADER_LINE_OVERHEAD = 4
const POLL_MS_MAX = 86_400_000

const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/
const HEADER_CONTROL_CHARACTER = /[\u0000-\u0008\u000a-\u001f\u007f]/
const HALF_PAIR = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
const RESERVED_HEADERS = new Set([
  'connection', 'upgrade', 'content-length', 'transfer-encoding', 'keep-alive', 'proxy-authenticate',
  'te', 'trailer', 'proxy-connection', 'date', 'proxy-authorization', 'host',
])

const encoder = new TextEncoder()
const byteLength = (text: string): number => encoder.encode(text).length

function text(name: string, value: unknown, bytesMax: number): string {
  if (typeof value !== 'string') throw invalid(`${name} is not a string`)
  // A character has three bytes at most: few texts need to be encoded.
  if (value.length * 3 > bytesMax && byteLength(value) > bytesMax) throw invalid(`${name} is longer than ${bytesMax} bytes`)
  return value
}

/** A text that names something: changing it would name something else. */
function nameText(name: string, value: unknown, bytesMax: number): string {
  const checked = text(name, value, bytesMax)
  if (checked === '') throw invalid(`${name} is empty`)
  if (HALF_PAIR.test(checked)) throw invalid(`${name} holds half a surrogate pair`)
  return checked
}

function integer(name: string, value: unknown, isGood: (value: number) => boolean, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || !isGood(value)) throw invalid(`${name} is no ${what}`)
  return value
}

export function connectionId(value: unknown): string {
  return nameText('connectionId', value, CONNECTION_ID_BYTES_MAX)
}

export function channel(value: unknown): string {
  const checked = nameText('channel', value, CHANNEL_BYTES_MAX)
  if (CONTROL_CHARACTER.test(checked)) throw invalid('channel holds a control character')
  return checked
}

export function data(value: unknown): string {
  return text('data', value, Infinity)
}

/** Bytes, or base64 as it is on the wire. */
export function binaryData(value: unknown): string {
  const bytes = bytesOf(value)
  if (bytes) return toBase64(bytes)
  if (typeof value !== 'string' || !isBase64(value)) throw invalid('data is neither bytes nor base64')
  return value
}

/** RFC 6455 §7.4: what an end point may send. */
export function code(value: unknown): number {
  const maySend = (code: number) =>
    (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)
  return integer('code', value, maySend, 'close code that may be sent')
}

export function reason(value: unknown): string {
  return text('reason', value, REASON_BYTES_MAX)
}

export function status(value: unknown): number {
  return integer('status', value, (status) => status >= 300 && status <= 599, 'status that refuses (300 to 599)')
}

export function subprotocol(value: unknown): string {
  const checked = text('subprotocol', value, SUBPROTOCOL_BYTES_MAX)
  if (!TOKEN.test(checked)) throw invalid('subprotocol is no token')
  return checked
}

export function body(value: unknown): string {
  return text('body', value, REFUSAL_BODY_BYTES_MAX)
}

export function timeout(value: unknown): number {
  return integer('timeout', value, (ms) => ms >= 0 && ms <= POLL_MS_MAX, `number of milliseconds up to ${POLL_MS_MAX}`)
}

function headerValue(name: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(`the header ${name} is not a string`)
  if (HEADER_CONTROL_CHARACTER.test(value)) throw invalid(`the header ${name} holds a control character`)
  return value.replace(/^[ \t]+|[ \t]+$/g, '')
}

/** Fields of the HTTP answer: none that frames it or belongs to the handshake. */
export function headers(value: unknown): Record<string, string | string[]> {
  if (typeof value !== 'object' || value === null) throw invalid('headers are not an object')
  let bytes = 0
  let count = 0
  const measured = (name: string, one: unknown): string => {
    const checked = headerValue(name, one)
    bytes += name.length + byteLength(checked) + HEADER_LINE_OVERHEAD
    if (bytes > HEADERS_BYTES_MAX) throw invalid(`headers are longer than ${HEADERS_BYTES_MAX} bytes`)
    if (++count > HEADERS_MAX) throw invalid(`headers are more than ${HEADERS_MAX}`)
    return checked
  }
  const entries = Object.entries(value).map(([name, given]): [string, string | string[]] => {
    const lower = name.toLowerCase()
    if (!TOKEN.test(name)) throw invalid('a header has a malformed name')
    if (RESERVED_HEADERS.has(lower) || lower.startsWith('sec-websocket-'))
      throw invalid(`the header ${name} is not the backend's to set`)
    return [name, Array.isArray(given) ? given.map((one) => measured(name, one)) : measured(name, given)]
  })
  // Not a literal: a field may be called __proto__.
  return Object.fromEntries(entries)
}
