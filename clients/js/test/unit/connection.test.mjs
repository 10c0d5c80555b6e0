// Answers: the order of the contract, and what can be no part of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlipInvalidError, SlipSocketPublisher, assertUnreachable } from 'slip-sockets-client'
import { CONTROL, SECRET, commandsOf, one, open, request, text } from '../lib/requests.mjs'

const publisher = new SlipSocketPublisher({ controlApi: CONTROL, jwtSecret: SECRET, binary: true })
const connectionOf = async (...events) => publisher.parseRequest(await request(one(events, { metadata: { old: true } })))
const invalid = (words) => (error) => {
  assert.ok(error instanceof SlipInvalidError, String(error))
  assert.match(error.message, words)
  return true
}

test('ACCEPT first, then the queue, then metadata, CLOSE last', async () => {
  const connection = await connectionOf(open())
  connection.close(4000, 'bye')
  connection.setMetadata({ n: 1 })
  connection.sendText('one')
  connection.subscribe('news')
  connection.setMetadata({ n: 2 })
  connection.publishText('news', 'two')
  connection.accept({ headers: { 'set-cookie': ['a=1', 'b=2'], 'x-y': ' z ' } })
  connection.unsubscribe('news')
  const response = connection.endResponse()
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/websocket-events')
  assert.deepEqual(await commandsOf(response), [
    { type: 'ACCEPT', connectionId: 'c', headers: { 'set-cookie': ['a=1', 'b=2'], 'x-y': 'z' } },
    { type: 'TEXT', connectionId: 'c', data: 'one' },
    { type: 'SUBSCRIBE', connectionId: 'c', channel: 'news' },
    { type: 'PUBLISH_TEXT', channelId: 'news', data: 'two' },
    { type: 'UNSUBSCRIBE', connectionId: 'c', channel: 'news' },
    { type: 'SET_METADATA', connectionId: 'c', metadata: { n: 2 } },
    { type: 'CLOSE', connectionId: 'c', code: 4000, reason: 'bye' },
  ])
})

test('nothing asked for is an empty list', async () => {
  assert.deepEqual(await commandsOf((await connectionOf(text('hi'))).endResponse()), [])
})

test('binary data in its forms', async () => {
  const connection = await connectionOf(text('hi'))
  const bytes = new Uint8Array([9, 0, 255, 7]).subarray(1, 3)
  connection.sendBinary(bytes)
  connection.publishBinary('news', bytes.slice().buffer)
  connection.publish('news', new DataView(bytes.buffer, 1, 2))
  connection.publish('news', 'text')
  connection.queue({ type: 'BINARY', connectionId: 'other', data: 'AP8=' }, { type: 'CLOSE', connectionId: 'other', code: 1001 })
  connection.closeChannel('room', 4001, 'over')
  bytes[0] = 1 // what was said stays said
  const commands = await commandsOf(connection.endResponse())
  assert.deepEqual(commands.map(({ data }) => data), ['AP8=', 'AP8=', 'AP8=', 'text', 'AP8=', undefined, undefined])
  assert.deepEqual(commands.at(-1), { type: 'CLOSE_CHANNEL', channelId: 'room', code: 4001, reason: 'over' })
})

test('metadata are what was last set, as they were then', async () => {
  const connection = await connectionOf(text('hi'))
  assert.deepEqual(connection.metadata, { old: true })
  const metadata = { list: [1] }
  connection.setMetadata(metadata)
  metadata.list.push(2)
  assert.equal(connection.metadata, metadata)
  assert.deepEqual((await commandsOf(connection.endResponse()))[0].metadata, { list: [1] })
})

test('a refusal', async () => {
  const connection = await connectionOf(open())
  connection.refuse({ status: 401, body: 'who are you?', headers: { 'www-authenticate': 'Bearer' } })
  assert.throws(() => connection.accept(), invalid(/was refused/))
  assert.deepEqual(await commandsOf(connection.endResponse()), [
    { type: 'CLOSE', connectionId: 'c', status: 401, headers: { 'www-authenticate': 'Bearer' }, body: 'who are you?' },
  ])
  const accepted = await connectionOf(open())
  accepted.accept()
  assert.throws(() => accepted.refuse(), invalid(/was accepted/))
})

test('accept and refuse belong to OPEN', async () => {
  const connection = await connectionOf(text('hi'))
  assert.throws(() => connection.accept(), invalid(/answer to OPEN/))
  assert.throws(() => connection.refuse(), invalid(/answer to OPEN/))
})

test('only a subprotocol that was offered', async () => {
  const connection = await connectionOf(open('c', { subprotocols: ['a', 'b'] }))
  assert.throws(() => connection.accept({ subprotocol: 'z' }), invalid(/did not offer/))
  connection.accept({ subprotocol: 'b' })
  assert.equal((await commandsOf(connection.endResponse()))[0].subprotocol, 'b')
})

test('after the answer nothing can be added', async () => {
  const connection = await connectionOf(text('hi'))
  connection.endResponse()
  for (const late of [() => connection.sendText('x'), () => connection.close(), () => connection.setMetadata(1)])
    assert.throws(late, invalid(/was answered/))
  assert.deepEqual(await commandsOf(connection.endResponse()), [])
})

const circle = {}
circle.circle = circle
const deep = (levels) => (levels === 0 ? 1 : [deep(levels - 1)])

test('what can be no part of a command is thrown where it is said, and not sent', async () => {
  const connection = await connectionOf(open())
  const bad = [
    [() => connection.subscribe(''), /channel is empty/],
    [() => connection.subscribe('a\nb'), /control character/],
    [() => connection.subscribe('a\u0085b'), /control character/],
    [() => connection.subscribe('a\ud800'), /half a surrogate/],
    [() => connection.subscribe('x'.repeat(4097)), /longer than 4096/],
    [() => connection.subscribe('ä'.repeat(2049)), /longer than 4096/],
    [() => connection.subscribe(7), /not a string/],
    [() => connection.subscribe(), /channel is missing/],
    [() => connection.sendText(7), /data is not a string/],
    [() => connection.sendText(undefined), /data is missing/],
    [() => connection.sendBinary('no!'), /neither bytes nor base64/],
    [() => connection.sendBinary([1]), /neither bytes nor base64/],
    [() => connection.close(1005), /close code/],
    [() => connection.close(999), /close code/],
    [() => connection.close(1004), /close code/],
    [() => connection.close(1015), /close code/],
    [() => connection.close(2999), /close code/],
    [() => connection.close(5000), /close code/],
    [() => connection.close(1000.5), /close code/],
    [() => connection.close('1000'), /close code/],
    [() => connection.close(1000, 'x'.repeat(124)), /longer than 123/],
    [() => connection.close(1000, '€'.repeat(42)), /longer than 123/],
    [() => connection.refuse({ status: 200 }), /status/],
    [() => connection.refuse({ status: 600 }), /status/],
    [() => connection.refuse({ body: 'x'.repeat(65537) }), /body is longer/],
    [() => connection.accept({ headers: { 'Sec-WebSocket-Accept': 'x' } }), /not the backend's/],
    [() => connection.accept({ headers: { Connection: 'x' } }), /not the backend's/],
    [() => connection.accept({ headers: { 'a b': 'x' } }), /malformed name/],
    [() => connection.accept({ headers: { a: 'x\r\ny: z' } }), /control character/],
    [() => connection.accept({ headers: { a: 7 } }), /not a string/],
    [() => connection.accept({ headers: 'a: b' }), /not an object/],
    [() => connection.accept({ headers: { a: 'x'.repeat(4096) } }), /longer than 4096/],
    [() => connection.accept({ headers: { a: Array(65).fill('x') } }), /more than 64/],
    [() => connection.setMetadata(undefined), /metadata is missing/],
    [() => connection.setMetadata(() => {}), /not JSON/],
    [() => connection.setMetadata(circle), /not JSON/],
    [() => connection.setMetadata(1n), /not JSON/],
    [() => connection.setMetadata(deep(62)), /nested/],
    [() => connection.queue({ type: 'ACCEPT', connectionId: 'x' }), /no command|ACCEPT/],
    [() => connection.queue({ type: 'POLL_FOR_CONNECTION', connectionId: 'x' }), /no command/],
    [() => connection.queue({ type: 'toString' }), /no command/],
    [() => connection.queue({ type: 'TEXT', connectionId: 'x'.repeat(129), data: '' }), /longer than 128/],
    [() => connection.queue({ type: 'TEXT', data: '' }), /connectionId is missing/],
  ]
  for (const [say, words] of bad) assert.throws(say, invalid(words), String(say))
  assert.deepEqual(await commandsOf(connection.endResponse()), [])
})

test('half a surrogate pair in a message becomes U+FFFD', async () => {
  const connection = await connectionOf(text('hi'))
  connection.sendText('\\ud800 \ud800 \\\udfff 😀 \ud83d')
  connection.setMetadata({ '\ud800': ['\udc00', '\\udc00'] })
  const commands = await commandsOf(connection.endResponse())
  assert.equal(commands[0].data, '\\ud800 \ufffd \\\ufffd 😀 \ufffd')
  assert.deepEqual(commands[1].metadata, { '\ufffd': ['\ufffd', '\\udc00'] })
})

test('assertUnreachable', () => {
  assert.throws(() => assertUnreachable({ type: 'NEW' }), /unexpected: {"type":"NEW"}/)
})
