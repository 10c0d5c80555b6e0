// Events: what has happened to a connection, as the broker tells it.
import { fromBase64 } from './base64.js'
import { SlipRequestError } from './errors.js'
import type { JsonValue } from './json.js'

/** A client wants in: accept() or refuse() it. */
export interface OpenEvent {
  type: 'OPEN'
  connectionId: string
  /** Of the handshake, with lower-case names. */
  headers: Record<string, string>
  /** The client's address. */
  ip: string
  /** Of the handshake, without the query. */
  path: string
  /** Without the "?". */
  query: string
  /** What the client offers, in its order. */
  subprotocols: string[]
}
/** A text message. */
export interface TextEvent {
  type: 'TEXT'
  connectionId: string
  data: string
  /** The same as `data`. */
  text: string
}
/** A binary message. */
export interface BinaryEvent {
  type: 'BINARY'
  connectionId: string
  data: Uint8Array
}
/** The connection has ended; nothing comes after it. */
export interface CloseEvent {
  type: 'CLOSE'
  connectionId: string
  /** 1005 when the client gave none, 1006 when it vanished. */
  code: number
  reason: string
}

/** Any event. */
export type InEvent = OpenEvent | TextEvent | BinaryEvent | CloseEvent

/** The events that come to a backend: binary messages only if it said that it takes them. */
export type InEvents<Binary extends boolean> = true extends Binary ? InEvent : Exclude<InEvent, BinaryEvent>

/** One connection in a request. */
export interface RequestItem {
  connectionId: string
  metadata: JsonValue
  idempotencyKey: string | null
  events: InEvent[]
}

type Members = Record<string, unknown>

const NO_STATUS = 1005

function refuse(what: string): never {
  throw new SlipRequestError(400, `Invalid events: ${what}`)
}

function members(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what} is not an object`)
  return value as Members
}

function text(of: Members, name: string, missing?: string): string {
  const value = of[name] ?? missing
  if (typeof value !== 'string') refuse(`${name} is not a string`)
  return value as string
}

function headers(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {}
  const fields = members(value, 'headers')
  if (!Object.values(fields).every((field) => typeof field === 'string')) refuse('a header is not a string')
  return fields as Record<string, string>
}

function texts(value: unknown, name: string): string[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) refuse(`${name} are not strings`)
  return value as string[]
}

function closeCode(value: unknown): number {
  if (value === undefined || value === null) return NO_STATUS
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 4999) refuse('code is no close code')
  return value as number
}

/** What the original broker leaves out is empty. */
function event(value: unknown): InEvent {
  const of = members(value, 'an event')
  const connectionId = text(of, 'connectionId')
  switch (of.type) {
    case 'OPEN':
      return {
        type: 'OPEN',
        connectionId,
        headers: headers(of.headers),
        ip: text(of, 'ip', ''),
        path: text(of, 'path', ''),
        query: text(of, 'query', ''),
        subprotocols: texts(of.subprotocols, 'subprotocols'),
      }
    case 'TEXT': {
      const data = text(of, 'data')
      return { type: 'TEXT', connectionId, data, text: data }
    }
    case 'BINARY':
      return { type: 'BINARY', connectionId, data: fromBase64(text(of, 'data')) ?? refuse('data is not base64') }
    case 'CLOSE':
      return { type: 'CLOSE', connectionId, code: closeCode(of.code), reason: text(of, 'reason', '') }
    default:
      return refuse(`unknown type ${String(of.type)}`)
  }
}

function item(value: unknown, idempotencyKey: string | null): RequestItem {
  const of = members(value, 'the request')
  if (!Array.isArray(of.events) || of.events.length === 0) refuse('events are missing')
  return {
    connectionId: text(of, 'connectionId'),
    metadata: (of.metadata ?? null) as JsonValue,
    idempotencyKey: idempotencyKey ?? (of.idempotencyKey === undefined ? null : text(of, 'idempotencyKey')),
    events: (of.events as unknown[]).map(event),
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a body of either form: about one connection, or several. `idempotencyKey` is the header's; it
 * names the batch of a single connection, while those of a group have their own.
 */
export function parseBody(body: string | Uint8Array, idempotencyKey: string | null): RequestItem[] {
  let document: unknown
  try {
    document = JSON.parse(typeof body === 'string' ? body : decoder.decode(body))
  } catch (error) {
    throw new SlipRequestError(400, 'Invalid events: the body is not JSON', error)
  }
  const whole = members(document, 'the body')
  if (whole.batch === undefined) return [item(whole, idempotencyKey)]
  if (!Array.isArray(whole.batch) || whole.batch.length === 0) refuse('batch is no list')
  return (whole.batch as unknown[]).map((one) => item(one, null))
}
