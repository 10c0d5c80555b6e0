// The contract, both ways, against the broker's own code (tests/contract/contract_peer.c): whatever answer
// the library can make, the broker understands, and as it was meant; whatever the broker sends, it parses.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { PROBLEM_TYPES, SlipSocketPublisher } from 'slip-sockets-client'
import { COMMANDS, encodeBody, encodeCommand } from '../../dist/esm/commands.js'
import { Peer } from '../lib/peer.mjs'
import { CONTROL, SECRET, one, request, text, token } from '../lib/requests.mjs'

const ROOT = new URL('../../../../', import.meta.url)
const publisher = new SlipSocketPublisher({ controlApi: CONTROL, jwtSecret: SECRET, binary: true })
const peer = new Peer()
after(() => peer.end())

const RUNS = { numRuns: Number(process.env.SLIP_RUNS ?? 300) }

// ---- what may be said ----

// All of UTF-16: halves of pairs, controls, and what JSON escapes.
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('\ud83d', '\ude00', '\\', '"', 'u', 'd', '8', '0', '\n', '\u0000', '\u007f', '\u2028', 'ä', '€'), maxLength: 30 }),
)
const bytes = fc.uint8Array({ maxLength: 60 })
const isWellFormed = (value) => Buffer.from(value).toString() === value
const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((value) => isWellFormed(value) && Buffer.byteLength(value) <= 128)
const channel = id.filter((value) => !/\p{Cc}/u.test(value))
const code = fc.oneof(fc.integer({ min: 1000, max: 1003 }), fc.integer({ min: 1007, max: 1014 }), fc.integer({ min: 3000, max: 4999 }))
const reason = anyText.filter((value) => Buffer.byteLength(value) <= 123)
const tchar = fc.string({ unit: fc.constantFrom(...'abzAZ09!#$%&\'*+-.^_`|~'), minLength: 1, maxLength: 12 })
const headerValue = fc.string({ unit: fc.constantFrom('a', ' ', '\t', ',', ';', '"', '\\', 'é', '😀', '\ud800'), maxLength: 12 })
const headers = fc.dictionary(
  fc.oneof(tchar.filter((name) => !/^(te|date|host|sec-websocket-.*)$/i.test(name)), fc.constantFrom('__proto__', 'Set-Cookie', 'x-é'.slice(0, 2))),
  fc.oneof(headerValue, fc.array(headerValue, { maxLength: 3 })),
  { maxKeys: 5 },
)
const optional = (arbitrary) => fc.option(arbitrary, { nil: undefined })
const metadata = fc.oneof(fc.jsonValue({ maxDepth: 5 }), fc.dictionary(anyText, anyText, { maxKeys: 3 }), fc.double(), anyText)

// Each is [method of a connection, arguments…].
const said = fc.oneof(
  fc.tuple(fc.constantFrom('subscribe', 'unsubscribe'), channel),
  fc.tuple(fc.constant('sendText'), anyText),
  fc.tuple(fc.constant('sendBinary'), bytes),
  fc.tuple(fc.constantFrom('publishText', 'publish'), channel, anyText),
  fc.tuple(fc.constantFrom('publishBinary', 'publish'), channel, bytes),
  fc.tuple(fc.constant('closeChannel'), channel, optional(code), optional(reason)),
  fc.tuple(fc.constant('setMetadata'), metadata),
  fc.tuple(fc.constant('close'), optional(code), optional(reason)),
  fc.tuple(fc.constant('queue'), fc.record({ type: fc.constant('CLOSE'), connectionId: id, code: optional(code), status: optional(fc.integer({ min: 300, max: 599 })), headers: optional(headers), body: optional(anyText) })),
  fc.tuple(fc.constant('queue'), fc.record({ type: fc.constant('TEXT'), connectionId: id, data: anyText })),
)
const decision = fc.oneof(
  fc.constant(['nothing']),
  fc.tuple(fc.constant('accept'), fc.record({ subprotocol: optional(fc.constant('chat.v1')), headers: optional(headers) })),
  fc.tuple(fc.constant('refuse'), fc.record({ status: optional(fc.integer({ min: 300, max: 599 })), body: optional(anyText), headers: optional(headers) })),
)
const behaviour = fc.record({ isOpening: fc.boolean(), decision, said: fc.array(said, { maxLength: 8 }) })

// ---- what the broker must have understood ----

const wellFormed = (value) => (value === undefined ? undefined : Buffer.from(value).toString())
const trimmed = (value) => wellFormed(value.replace(/^[ \t]+|[ \t]+$/g, ''))
const listed = (given = {}) => Object.entries(given).flatMap(([name, value]) => [value].flat().map((each) => [name, trimmed(each)]))
const closing = ({ code = 1000, reason = '', status = 403, body = '', headers }) =>
  ({ code, reason: wellFormed(reason), status, body: wellFormed(body), headers: listed(headers) })

function meant([method, ...rest], connectionId) {
  const data = (value) => (typeof value === 'string' ? ['TEXT', wellFormed(value)] : ['BINARY', Buffer.from(value).toString('base64')])
  switch (method) {
    case 'subscribe':
    case 'unsubscribe':
      return { type: method.toUpperCase(), connectionId, channel: rest[0] }
    case 'sendText':
    case 'sendBinary':
      return { type: data(rest[0])[0], connectionId, data: data(rest[0])[1] }
    case 'publishText':
    case 'publishBinary':
    case 'publish':
      return { type: `PUBLISH_${data(rest[1])[0]}`, channelId: rest[0], data: data(rest[1])[1] }
    case 'closeChannel':
      return { type: 'CLOSE_CHANNEL', channelId: rest[0], code: rest[1] ?? 1000, reason: wellFormed(rest[2] ?? '') }
    case 'setMetadata':
      return { type: 'SET_METADATA', connectionId, metadata: JSON.parse(JSON.stringify(rest[0]), (_, value) => (typeof value === 'string' ? wellFormed(value) : value)) }
    case 'close':
      return { type: 'CLOSE', connectionId, ...closing({ code: rest[0], reason: rest[1] }) }
    case 'refuse':
      return { type: 'CLOSE', connectionId, ...closing(rest[0]) }
    case 'accept':
      return { type: 'ACCEPT', connectionId, subprotocol: rest[0].subprotocol ?? '', headers: listed(rest[0].headers) }
    case 'queue':
      return rest[0].type === 'TEXT' ? { ...rest[0], data: wellFormed(rest[0].data) } : { type: 'CLOSE', connectionId: rest[0].connectionId, ...closing(rest[0]) }
  }
}

// Keys of metadata that are no text become others, and may meet: those are compared as they came out.
const hasOddKeys = (value) => value !== null && typeof value === 'object' && (Object.keys(value).some((key) => !isWellFormed(key)) || Object.values(value).some(hasOddKeys))

function expected(connectionId, { isOpening, decision: decided, said: all }) {
  const last = (method) => [...all].reverse().find(([each]) => each === method)
  const queued = all.filter(([method]) => method !== 'setMetadata' && method !== 'close')
  const refusal = isOpening && decided[0] === 'refuse' ? decided : undefined
  return [isOpening && decided[0] === 'accept' ? decided : undefined, ...queued, last('setMetadata'), last('close') ?? refusal]
    .filter(Boolean).map((each) => meant(each, connectionId))
}

function behave(connection, { isOpening, decision: [verdict, options], said: all }) {
  if (isOpening && verdict !== 'nothing') connection[verdict](options)
  for (const [method, ...rest] of all) connection[method](...rest)
}

async function answerOf(ids, behaviours) {
  const items = ids.map((connectionId, i) =>
    one([behaviours[i].isOpening ? { type: 'OPEN', connectionId, subprotocols: ['chat.v1'] } : text('hi', connectionId)]))
  const parsed = await publisher.receive({ authorization: `Bearer ${await token()}`, body: JSON.stringify(items.length > 1 ? { batch: items } : items[0]) })
  parsed.connections.forEach((connection, i) => behave(connection, behaviours[i]))
  return parsed.endBody()
}

test('whatever answer the library can make, the broker understands, as it was meant', async () => {
  const groups = fc.uniqueArray(id, { minLength: 1, maxLength: 4 }).chain((ids) =>
    fc.tuple(fc.constant(ids), fc.array(behaviour, { minLength: ids.length, maxLength: ids.length })))
  await fc.assert(
    fc.asyncProperty(groups, async ([ids, behaviours]) => {
      const body = await answerOf(ids, behaviours)
      const understood = await peer.commands('answer', body, ...ids.flatMap((each, i) => [each, behaviours[i].isOpening ? '1' : '0']))
      const wanted = ids.flatMap((each, i) => expected(each, behaviours[i]))
      const comparable = (command) => (hasOddKeys(behaviours.flatMap(({ said: all }) => all)) && command.type === 'SET_METADATA' ? command.type : command)
      assert.deepEqual(understood.map(comparable), wanted.map(comparable))
    }),
    RUNS,
  )
})

const command = fc.oneof(
  said.filter(([method]) => !['setMetadata', 'close', 'queue', 'publish'].includes(method)).map((each) => {
    const { type, connectionId, channelId, channel: named, code: closed, reason: why } = meant(each, 'c')
    const data = each[0].startsWith('send') ? each[1] : each[2]
    return JSON.parse(JSON.stringify({ type, connectionId, channelId, channel: named, code: closed, reason: why, ...(typeof data === 'string' && { data: wellFormed(data) }), ...(data instanceof Uint8Array && { data: Buffer.from(data).toString('base64') }) }))
  }),
  fc.record({ type: fc.constant('POLL_FOR_CONNECTION'), connectionId: id, timeout: optional(fc.integer({ min: 0, max: 86_400_000 })) }),
  fc.record({ type: fc.constant('SET_METADATA'), connectionId: id, metadata: fc.jsonValue() }),
)

test('whatever send() posts, control understands', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 10 }), async (commands) => {
      const understood = await peer.commands('control', encodeBody(commands.map((each) => encodeCommand(each, 'CONTROL'))))
      assert.deepEqual(understood.map(({ type }) => type), commands.map(({ type }) => type))
      for (const [i, { metadata: set, ...fields }] of commands.entries())
        for (const [name, value] of Object.entries(fields)) if (value !== undefined) assert.deepEqual(understood[i][name], value, name)
    }),
    RUNS,
  )
})

test('what the library refuses, the broker refuses; what it lets through, the broker takes', async () => {
  const fields = {
    connectionId: fc.oneof(id, anyText, fc.constant('x'.repeat(129)), fc.constant('ä'.repeat(64))),
    channel: fc.oneof(channel, anyText),
    channelId: fc.oneof(channel, anyText),
    code: fc.integer({ min: 0, max: 5100 }),
    reason: fc.string({ unit: fc.constantFrom('x', 'ä', '€', '😀'), maxLength: 130 }),
    status: fc.integer({ min: 200, max: 700 }),
    subprotocol: fc.oneof(tchar, fc.string({ maxLength: 5 }), fc.constant('x'.repeat(257))),
    headers: fc.dictionary(fc.oneof(tchar, fc.constantFrom('Host', 'upgrade', 'Sec-WebSocket-Key', 'a b', '')), fc.oneof(headerValue, fc.string({ unit: 'binary-ascii', maxLength: 3 })), { maxKeys: 3 }),
    data: fc.constantFrom('', 'AA==', 'AP8=', 'AAA', 'AB==', '====', 'A\n==', 'text'),
    body: fc.constantFrom('', 'x'.repeat(65536), 'x'.repeat(65537)),
    metadata: fc.jsonValue(),
  }
  const attempts = fc.oneof(...Object.entries(COMMANDS).filter(([, { where }]) => where.includes('ANSWER')).map(([type, form]) =>
    fc.record({ type: fc.constant(type), ...Object.fromEntries([...form.required, ...form.optional].map((name) => [name, fields[name]])) }, { requiredKeys: ['type', ...form.required] })))
  const isText = (value) => typeof value !== 'string' || isWellFormed(value)
  let refused = 0
  await fc.assert(
    fc.asyncProperty(attempts, async (attempt) => {
      let body
      try {
        body = encodeBody([encodeCommand(attempt, 'ANSWER')])
      } catch (error) {
        refused++
        assert.equal(error.result, 'invalid', error.stack)
        // An empty id, an empty header name: the broker's own business. Halves of pairs are not JSON for it.
        if (attempt.connectionId === '' || !Object.values(attempt).every(isText)) return
        const [verdict] = await peer.ask('answer', JSON.stringify({ events: [attempt] }), 'c', '1')
        assert.equal(verdict, 'error', `${error.message}: ${JSON.stringify(attempt)}`)
        return
      }
      if (attempt.type === 'ACCEPT') await peer.commands('answer', body, attempt.connectionId, '1')
      else await peer.commands('answer', body, 'another', '0')
    }),
    { numRuns: RUNS.numRuns * 4 },
  )
  assert.ok(refused > 50, `${refused} were refused`)
})

test('metadata as deep as the broker reads, and no deeper', async () => {
  const deep = (levels) => (levels === 0 ? 1 : [deep(levels - 1)])
  const body = (levels) => encodeBody([encodeCommand({ type: 'SET_METADATA', connectionId: 'c', metadata: deep(levels) }, 'ANSWER')])
  await peer.commands('answer', body(61), 'c', '0')
  assert.throws(() => body(62), /nested/)
  const [verdict] = await peer.ask('answer', `{"events":[{"type":"SET_METADATA","connectionId":"c","metadata":${JSON.stringify(deep(62))}}]}`, 'c', '0')
  assert.equal(verdict, 'error')
})

// ---- what the broker sends ----

const utf8 = anyText.map(wellFormed)
const brokerHeaders = fc.uniqueArray(fc.tuple(fc.oneof(tchar.map((name) => name.toLowerCase()), fc.constant('__proto__')), utf8), { maxLength: 5, selector: ([name]) => name })
const openEvent = fc.record({ type: fc.constant('OPEN'), ip: utf8, path: utf8, query: utf8, headers: brokerHeaders, subprotocols: fc.array(utf8, { maxLength: 3 }) })
const otherEvent = fc.oneof(
  fc.record({ type: fc.constant('TEXT'), data: utf8 }),
  fc.record({ type: fc.constant('BINARY'), data: bytes }),
  fc.record({ type: fc.constant('CLOSE'), code: fc.integer({ min: 1000, max: 4999 }), reason: utf8 }),
)
const group = fc.record({
  connectionId: id,
  metadata: fc.jsonValue(),
  key: tchar,
  events: fc.tuple(fc.array(openEvent, { maxLength: 1 }), fc.array(otherEvent, { minLength: 1, maxLength: 5 })).map((parts) => parts.flat()),
})

function eventFields(event) {
  switch (event.type) {
    case 'OPEN':
      return ['OPEN', event.ip, event.path, event.query, String(event.headers.length), ...event.headers.flat(), String(event.subprotocols.length), ...event.subprotocols]
    case 'CLOSE':
      return ['CLOSE', String(event.code), event.reason]
    default:
      return [event.type, event.data]
  }
}
const groupFields = ({ connectionId, metadata: known, key, events }) =>
  [connectionId, JSON.stringify(known), key, String(events.length), ...events.flatMap(eventFields)]

const received = (connectionId) => (event) => ({
  ...event,
  connectionId,
  ...(event.type === 'TEXT' && { text: event.data }),
  ...(event.type === 'OPEN' && { headers: Object.fromEntries(event.headers.map(([name, value]) => [name, value])) }),
})

test('whatever the broker sends about a connection, the library parses', async () => {
  await fc.assert(
    fc.asyncProperty(group, async (sent) => {
      const [, body] = await peer.ask('request', ...groupFields(sent))
      const connection = await publisher.parseRequest(await request(body, { headers: { 'idempotency-key': sent.key } }))
      assert.equal(connection.connectionId, sent.connectionId)
      assert.equal(connection.idempotencyKey, sent.key)
      assert.deepEqual(connection.metadata, JSON.parse(JSON.stringify(sent.metadata)))
      assert.deepEqual(connection.inEvents, sent.events.map(received(sent.connectionId)))
    }),
    RUNS,
  )
})

test('whatever the broker sends about several connections, the library parses', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(group, { minLength: 1, maxLength: 5 }), async (groups) => {
      const [, body] = await peer.ask('batch', String(groups.length), ...groups.flatMap(groupFields))
      const { connections } = await publisher.parseRequests(await request(body))
      assert.deepEqual(
        connections.map(({ connectionId, idempotencyKey, metadata: known, inEvents }) => ({ connectionId, idempotencyKey, known, inEvents: [...inEvents] })),
        groups.map((sent) => ({
          connectionId: sent.connectionId,
          idempotencyKey: sent.key,
          known: JSON.parse(JSON.stringify(sent.metadata)),
          inEvents: sent.events.map(received(sent.connectionId)),
        })),
      )
    }),
    RUNS,
  )
})

test('any body at all is read, or refused as a request', async () => {
  const nonsense = fc.oneof(fc.json(), fc.string(), group.map((sent) => JSON.stringify({ ...sent, events: sent.events.map((event) => ({ connectionId: 'c', ...event })) })))
  await fc.assert(
    fc.asyncProperty(nonsense, fc.nat(), fc.string({ maxLength: 3 }), async (whole, at, junk) => {
      const cut = at % (whole.length + 1)
      const body = whole.slice(0, cut) + junk + whole.slice(cut + junk.length)
      try {
        await publisher.receive({ authorization: `Bearer ${await token()}`, body })
      } catch (error) {
        assert.equal(error.status, 400, error.stack)
      }
    }),
    RUNS,
  )
})

// ---- tables that must be the broker's ----

test('the commands are those of commands.def', () => {
  const table = readFileSync(new URL('common/contract/commands.def', ROOT), 'utf8')
  const names = new Map([...table.matchAll(/^COMMAND_FIELD\((\w+), "(\w+)"\)/gm)].map(([, field, name]) => [field, name]))
  const set = (words) => words.split('|').map((word) => word.trim()).filter((word) => word !== 'NOTHING')
  const theirs = Object.fromEntries([...table.matchAll(/^COMMAND\((\w+), ([\w |]+), ([\w |]+), ([\w |]+)\)/gm)].map(([, type, where, required, optionally]) =>
    [type, { where: set(where), required: set(required).map((field) => names.get(field)), optional: set(optionally).map((field) => names.get(field)) }]))
  assert.ok(Object.keys(theirs).length >= 11)
  assert.deepEqual(COMMANDS, theirs)
})

test('problem types and resources are those of openapi.json', () => {
  const { schemas } = JSON.parse(readFileSync(new URL('control/openapi.json', ROOT), 'utf8')).components
  assert.deepEqual([...PROBLEM_TYPES], schemas.Problem.properties.type.enum)
  const types = readFileSync(new URL('../../dist/esm/resources.d.ts', import.meta.url), 'utf8')
  const ours = (name) => {
    const [, parent, body] = new RegExp(`export interface ${name}(?:<T>)?(?: extends (\\w+))? \\{(.*?)\\n\\}`, 's').exec(types)
    return [...(parent ? ours(parent) : []), ...[...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, member]) => member)]
  }
  for (const [schema, name] of Object.entries({ Connection: 'ConnectionInfo', Channel: 'ChannelInfo', Member: 'Member', Edge: 'Edge', DeadLetter: 'DeadLetter', WholeDeadLetter: 'WholeDeadLetter', Status: 'Status', Process: 'Process', ConnectionPage: 'Page' }))
    assert.deepEqual(ours(name).sort(), Object.keys(schemas[schema].properties).sort(), name)
})
