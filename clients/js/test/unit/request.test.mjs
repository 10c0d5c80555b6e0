// Reading webhook requests: tokens, bodies of both forms, limits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlipRequestError, SlipSocketPublisher } from 'slip-sockets-client'
import { CONTROL, SECRET, commandsOf, one, open, request, text, token } from '../lib/requests.mjs'

const publisher = new SlipSocketPublisher({ controlApi: CONTROL, jwtSecret: SECRET })
const withBinary = new SlipSocketPublisher({ controlApi: CONTROL, jwtSecret: SECRET, binary: true })

const parse = async (body, options) => publisher.parseRequest(await request(body, options))

const refused = (status, words) => (error) => {
  assert.ok(error instanceof SlipRequestError, String(error))
  assert.equal(error.result, 'invalid')
  assert.equal(error.status, status)
  assert.match(error.message, words)
  return true
}

test('a request is read', async () => {
  const connection = await parse(
    one([open('c-1', { headers: { cookie: 'a=b' }, ip: '::1', path: '/p', query: 'q=1', subprotocols: ['x'] })], {
      metadata: { headers: { cookie: 'a=b' }, ip: '::1' },
    }),
    { headers: { 'idempotency-key': 'c-1:0-0' } },
  )
  assert.equal(connection.connectionId, 'c-1')
  assert.equal(connection.idempotencyKey, 'c-1:0-0')
  assert.deepEqual(connection.metadata, { headers: { cookie: 'a=b' }, ip: '::1' })
  assert.deepEqual(connection.inEvents, [
    { type: 'OPEN', connectionId: 'c-1', headers: { cookie: 'a=b' }, ip: '::1', path: '/p', query: 'q=1', subprotocols: ['x'] },
  ])
})

test("the original broker's events have less in them", async () => {
  const connection = await parse(one([open(), text('hi'), { type: 'CLOSE', connectionId: 'c' }]))
  assert.equal(connection.idempotencyKey, null)
  assert.deepEqual(connection.inEvents, [
    { type: 'OPEN', connectionId: 'c', headers: {}, ip: '', path: '', query: '', subprotocols: [] },
    { type: 'TEXT', connectionId: 'c', data: 'hi', text: 'hi' },
    { type: 'CLOSE', connectionId: 'c', code: 1005, reason: '' },
  ])
})

test('unknown members are ignored, unknown types refused', async () => {
  const connection = await parse(one([{ ...text('hi'), colour: 'red' }], { weather: 'fine' }))
  assert.deepEqual(connection.inEvents, [{ type: 'TEXT', connectionId: 'c', data: 'hi', text: 'hi' }])
  await assert.rejects(parse(one([{ type: 'DANCE', connectionId: 'c' }])), refused(400, /unknown type DANCE/))
})

test('tokens that are not the broker\'s give null', async () => {
  const now = Math.floor(Date.now() / 1000)
  const bad = {
    'another secret': await token({ secret: 'another' }),
    'another audience': await token({ aud: 'ControlEvent' }),
    'another issuer': await token({ iss: 'somebody' }),
    'no issuer': await token({ iss: undefined }),
    'no expiry': await token({ exp: undefined }),
    expired: await token({ exp: now - 10 }),
    'not yet': await token({ nbf: now + 60 }),
    'another algorithm': await token({ alg: 'HS512' }),
    'no algorithm': `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await token()).split('.')[1]}.`,
    nothing: '',
    'too long': `${await token({ more: 'x'.repeat(9000) })}`,
    'three words': 'a.b.c',
  }
  for (const [what, each] of Object.entries(bad))
    assert.equal(await parse(one([open()]), { authorization: `Bearer ${each}` }), null, what)
  assert.equal(await parse(one([open()]), { authorization: `Basic ${await token()}` }), null)
  assert.equal(await publisher.receive({ authorization: undefined, body: '{}' }), null)
  assert.ok(await parse(one([open()]), { authorization: `bearer ${await token({ aud: ['x', 'WebSocketEvent'] })}` }))
  assert.ok(await parse(one([open()]), { authorization: `Bearer ${await token({ exp: now - 2 })}` }), 'clocks differ')
})

test('while a secret is replaced, both are good', async () => {
  for (const jwtSecret of ['new, old', ['new', 'old']]) {
    const both = new SlipSocketPublisher({ controlApi: CONTROL, jwtSecret })
    for (const [secret, isGood] of [['new', true], ['old', true], ['older', false]]) {
      const parsed = await both.parseRequest(await request(one([open()]), { authorization: `Bearer ${await token({ secret })}` }))
      assert.equal(parsed !== null, isGood, secret)
    }
  }
})

test('the body is not read for a stranger', async () => {
  const incoming = { authorization: 'Bearer x.y.z', body: () => assert.fail('it was read') }
  assert.equal(await publisher.receive(incoming), null)
})

test('bodies that the broker does not send are refused', async () => {
  const bad = [
    '', 'no', '[]', 'null', '"text"', '{}',
    { events: [open()] },
    { connectionId: 'c', metadata: null },
    { connectionId: 'c', metadata: null, events: [] },
    { connectionId: 'c', metadata: null, events: {} },
    { connectionId: 7, metadata: null, events: [open()] },
    one([{ type: 'OPEN', connectionId: 7 }]),
    { connectionId: 'c', events: [null] },
    one([{ type: 'TEXT', connectionId: 'c' }]),
    one([{ type: 'TEXT', connectionId: 'c', data: 7 }]),
    one([{ type: 'BINARY', connectionId: 'c', data: 'no base64!' }]),
    one([{ type: 'BINARY', connectionId: 'c', data: 'AAA' }]),
    one([{ type: 'CLOSE', connectionId: 'c', code: '1000' }]),
    one([{ type: 'CLOSE', connectionId: 'c', code: 10000 }]),
    one([{ type: 'CLOSE', connectionId: 'c', reason: 1 }]),
    one([open('c', { headers: [] })]),
    one([open('c', { headers: { a: 1 } })]),
    one([open('c', { subprotocols: 'x' })]),
    one([open('c', { subprotocols: [1] })]),
    { batch: [] },
    { batch: {} },
    { batch: [one([open()]), 7] },
    Buffer.from(JSON.stringify(one([text('\x7f')]))).map((byte) => (byte === 0x7f ? 0xff : byte)), // no UTF-8
  ]
  for (const body of bad) await assert.rejects(parse(body), refused(400, /^Invalid events: /), JSON.stringify(body))
})

test('a body that is too long is refused, told or not', async () => {
  const small = new SlipSocketPublisher({ controlApi: CONTROL, jwtSecret: SECRET, bodyLimit: 100 })
  const long = JSON.stringify(one([text('x'.repeat(100))]))
  await assert.rejects(small.parseRequest(await request(long)), refused(413, /too large/))
  await assert.rejects(small.receive({ authorization: `Bearer ${await token()}`, body: long }), refused(413, /too large/))
  let pulled = 0
  const endless = new ReadableStream({ pull: (stream) => (pulled++, stream.enqueue(new Uint8Array(60))) })
  const streaming = new Request('http://b.test/', {
    method: 'POST', body: endless, duplex: 'half', headers: { authorization: `Bearer ${await token()}` },
  })
  await assert.rejects(small.parseRequest(streaming), refused(413, /too large/))
  assert.ok(pulled < 10, `${pulled} parts were read`)
  await assert.rejects(small.parseRequest(await request('', { headers: { 'content-length': '101' } })), refused(413, /too large/))
  const fits = JSON.stringify(one([text('é')]))
  const exact = new SlipSocketPublisher({ controlApi: CONTROL, jwtSecret: SECRET, bodyLimit: Buffer.byteLength(fits) })
  assert.ok(await exact.parseRequest(await request(fits)))
})

test('several connections in one request', async () => {
  const body = {
    batch: [
      one([open('a', { subprotocols: ['x'] })], { idempotencyKey: 'a:0-0' }),
      one([text('hi', 'b'), text('ho', 'b')], { idempotencyKey: 'b:3-4', metadata: { n: 1 } }),
    ],
  }
  const parsed = await publisher.parseRequests(await request(body, { headers: { 'idempotency-key': 'the-group' } }))
  assert.deepEqual(parsed.connections.map(({ connectionId, idempotencyKey, metadata }) => ({ connectionId, idempotencyKey, metadata })), [
    { connectionId: 'a', idempotencyKey: 'a:0-0', metadata: null },
    { connectionId: 'b', idempotencyKey: 'b:3-4', metadata: { n: 1 } },
  ])
  const [a, b] = parsed.connections
  b.sendText('to b')
  a.accept({ subprotocol: 'x' })
  assert.throws(() => a.endResponse(), /several connections/)
  assert.deepEqual(await commandsOf(parsed.endResponse()), [
    { type: 'ACCEPT', connectionId: 'a', subprotocol: 'x' },
    { type: 'TEXT', connectionId: 'b', data: 'to b' },
  ])
  await assert.rejects(parse(body), refused(400, /several connections/))
  assert.equal((await parse({ batch: [one([open('a')])] })).connectionId, 'a')
})

test('binary messages are taken, or the client is closed with 1003', async () => {
  const body = one([text('before'), { type: 'BINARY', connectionId: 'c', data: 'AP8=' }, text('after')])
  const taking = await withBinary.parseRequest(await request(body))
  assert.deepEqual(taking.inEvents[1], { type: 'BINARY', connectionId: 'c', data: new Uint8Array([0, 255]) })
  assert.deepEqual(await commandsOf(taking.endResponse()), [])
  const not = await parse(body)
  assert.deepEqual(not.inEvents.map((event) => event.data), ['before', 'after'])
  not.sendText('before it is closed')
  assert.deepEqual((await commandsOf(not.endResponse())).map(({ type, code }) => [type, code]), [['TEXT', undefined], ['CLOSE', 1003]])
})
