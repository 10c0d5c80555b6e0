// Against the real broker: what is said arrives, what happens is told, in every form.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { SlipSocketPublisher, fetchHandler, nodeHandler } from 'slip-sockets-client'
import { readmeTests } from './broker/readme.mjs'
import { programTests } from './broker/programs.mjs'
import { Backend, Client, Rings, dropClients, nodeOf, until } from './lib/rings.mjs'

const rings = new Rings()
const backend = new Backend()
let ring
let publisher

before(async () => {
  await backend.listen()
  ring = await rings.start({ TARGET_URL: backend.url, WEBHOOK_ATTEMPTS: 2 })
  publisher = new SlipSocketPublisher({ ...ring, binary: true })
})
after(async () => {
  dropClients()
  await rings.stop()
  backend.close()
})

/** The backend's code: a function for each kind of event. */
let on
const seen = []
beforeEach(async () => {
  dropClients()
  seen.length = 0
  on = { OPEN: (connection) => connection.accept() }
  backend.handler = nodeHandler(publisher, behave)
})
async function behave(connection) {
  for (const event of connection.inEvents) {
    seen.push({ ...event, metadata: connection.metadata, key: connection.idempotencyKey })
    await on[event.type]?.(connection, event)
  }
}

const client = (...options) => new Client(ring.websocketUrl, ...options)
/** An open client and its id. */
async function opened(path = '') {
  let id
  const usual = on.OPEN
  on.OPEN = (connection, event) => {
    id = connection.connectionId
    return usual(connection, event)
  }
  const opening = await new Client(ring.websocketUrl + path).opened
  on.OPEN = usual
  return { client: opening, id }
}
const event = (type) => until(() => seen.find((each) => each.type === type), `${type} among ${JSON.stringify(seen)}`)

test('OPEN tells of the handshake; subprotocol and headers are chosen', async () => {
  on.OPEN = (connection, { subprotocols }) => connection.accept({ subprotocol: subprotocols[1], headers: { 'X-Answer': 'yes', 'Set-Cookie': ['a=1', 'b=2'] } })
  const one = await new Client(`${ring.websocketUrl}some/path?q=1&r=2`, ['one', 'two'], { headers: { 'X-Ask': 'grüße' } }).opened
  assert.equal(one.socket.protocol, 'two')
  assert.equal(one.headers['x-answer'], 'yes')
  assert.deepEqual(one.headers['set-cookie'], ['a=1', 'b=2'])
  const { headers, ...open } = seen[0]
  assert.deepEqual({ ...open, connectionId: '', metadata: open.metadata.ip, key: open.key.split(':')[1] }, {
    type: 'OPEN', connectionId: '', ip: '127.0.0.1', path: '/some/path', query: 'q=1&r=2', subprotocols: ['one', 'two'], metadata: '127.0.0.1', key: '0-0',
  })
  assert.deepEqual(open.metadata.headers, headers)
  assert.equal(headers['x-ask'], 'grüße')
})

test('a refusal has a status, headers and a body', async () => {
  on.OPEN = (connection) => connection.refuse({ status: 429, headers: { 'Retry-After': '7' }, body: 'too many 😀' })
  const { status, headers, body } = await client().opened.then(() => assert.fail('it was let in'), (error) => error)
  assert.deepEqual([status, headers['retry-after'], body], [429, '7', 'too many 😀'])
  on.OPEN = () => {}
  assert.equal((await client().opened.catch((error) => error)).status, 403)
  on.OPEN = (connection) => connection.close()
  assert.equal((await client().opened.catch((error) => error)).status, 403)
})

test('everything that can be said in the answer to OPEN', async () => {
  on.OPEN = (connection) => {
    connection.accept()
    connection.subscribe('room')
    connection.sendText('one')
    connection.publishText('room', 'two')
    connection.sendBinary(new Uint8Array([3, 0, 255]))
    connection.publishBinary('room', new Uint8Array([4]).buffer)
    connection.unsubscribe('room')
    connection.publish('room', 'not for me')
    connection.setMetadata({ name: 'ä' })
    connection.close(4321, 'enough')
  }
  const one = await client().opened
  assert.deepEqual([await one.next(), await one.next(), await one.next(), await one.next()], ['one', 'two', new Uint8Array([3, 0, 255]), new Uint8Array([4])])
  assert.deepEqual(await one.closed, [4321, 'enough'])
  const close = await event('CLOSE')
  assert.deepEqual([close.code, close.reason, close.metadata], [4321, 'enough', { name: 'ä' }])
  assert.match(close.key, /:close$/)
})

test("a client's close code and reason are told", async () => {
  const { client: one } = await opened()
  one.socket.close(3999, 'grüße')
  const { code, reason } = await event('CLOSE')
  assert.deepEqual([code, reason], [3999, 'grüße'])
})

test('any text and any bytes come through, both ways', async () => {
  on.TEXT = (connection, { data }) => connection.sendText(data)
  on.BINARY = (connection, { data }) => connection.sendBinary(data)
  const { client: one, id } = await opened()
  const message = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }).map((value) => Buffer.from(value).toString()), fc.uint8Array({ maxLength: 200 }))
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 10 }), async (messages) => {
      for (const each of messages) one.send(each)
      for (const each of messages) assert.deepEqual(await one.next(), each)
      await publisher.send(messages.map((data) => ({ type: typeof data === 'string' ? 'TEXT' : 'BINARY', connectionId: id, data })))
      for (const each of messages) assert.deepEqual(await one.next(), each)
    }),
    { numRuns: 40 },
  )
  const large = 'x'.repeat(1_000_000)
  one.send(large)
  assert.equal(await one.next(), large)
})

test('any metadata come back as they were set', async () => {
  on.TEXT = (connection, { data }) => {
    connection.sendText(JSON.stringify({ had: connection.metadata }))
    connection.setMetadata(JSON.parse(data))
  }
  const { client: one } = await opened()
  one.send('null')
  await one.next()
  let last = null
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      const text = JSON.stringify(value)
      one.send(text)
      assert.deepEqual(JSON.parse(await one.next()).had, last)
      last = JSON.parse(text)
    }),
    { numRuns: 40 },
  )
})

test('whatever send() can post, control carries out', async () => {
  const { id } = await opened()
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((value) => Buffer.from(value).toString() === value && !/\p{Cc}/u.test(value))
  const target = fc.oneof(fc.constant(id), name)
  const command = fc.oneof(
    fc.record({ type: fc.constant('TEXT'), connectionId: target, data: fc.string({ unit: 'binary' }) }),
    fc.record({ type: fc.constant('BINARY'), connectionId: target, data: fc.uint8Array() }),
    fc.record({ type: fc.constantFrom('SUBSCRIBE', 'UNSUBSCRIBE'), connectionId: target, channel: name }),
    fc.record({ type: fc.constant('SET_METADATA'), connectionId: target, metadata: fc.jsonValue() }),
    fc.record({ type: fc.constant('PUBLISH_TEXT'), channelId: name, data: fc.string({ unit: 'binary' }) }),
    fc.record({ type: fc.constant('PUBLISH_BINARY'), channelId: name, data: fc.uint8Array() }),
    fc.record({ type: fc.constant('CLOSE_CHANNEL'), channelId: fc.constant('nobody here'), code: fc.integer({ min: 3000, max: 4999 }), reason: fc.string({ maxLength: 30 }) }),
    fc.record({ type: fc.constant('POLL_FOR_CONNECTION'), connectionId: target, timeout: fc.constant(0) }),
  )
  await fc.assert(fc.asyncProperty(fc.array(command, { maxLength: 6 }), (commands) => publisher.send(commands)), { numRuns: 40 })
})

test('connections: read, send, subscribe, metadata, close', async () => {
  const { client: one, id } = await opened('somewhere')
  const { connections } = publisher
  await connections.sendText(id, 'ä')
  await connections.sendBinary(id, new Uint8Array([0, 255]))
  assert.deepEqual([await one.next(), await one.next()], ['ä', new Uint8Array([0, 255])])
  const channel = 'a b/ü?#&%'
  await connections.subscribe(id, channel)
  await connections.setMetadata(id, { n: [1, null] })
  const read = await until(async () => {
    const now = await connections.get(id)
    return now.channels.length > 0 && now.metadata.n && now
  }, 'the row')
  assert.deepEqual(read.channels, [channel])
  assert.deepEqual([read.connectionId, read.state, read.path, read.ip, read.metadata], [id, 'open', '/somewhere', '127.0.0.1', { n: [1, null] }])
  await publisher.channels.publishText(channel, 'to all')
  assert.equal(await one.next(), 'to all')
  await connections.unsubscribe(id, channel)
  await publisher.channels.publishText(channel, 'to nobody')
  await connections.sendText(id, 'last')
  assert.equal(await one.next(), 'last')
  await connections.close(id, { code: 4002, reason: 'by REST' })
  assert.deepEqual(await one.closed, [4002, 'by REST'])
})

test('channels: publish, count, members, close; listings in pages', async () => {
  const all = []
  for (let i = 0; i < 5; i++) all.push(await opened())
  const ids = all.map(({ id }) => id).sort()
  const { connections, channels } = publisher
  await publisher.send(ids.flatMap((connectionId, i) => [
    { type: 'SUBSCRIBE', connectionId, channel: 'page/all' },
    { type: 'SUBSCRIBE', connectionId, channel: `page/${i}` },
  ]))
  await until(async () => (await channels.get('page/all')).members === 5 && (await publisher.status()).channels >= 6, 'the rows')
  const walk = async (listing) => {
    const found = []
    for await (const each of listing) found.push(each)
    return found
  }
  assert.deepEqual((await walk(channels.members('page/all', { pageSize: 2 }))).map(({ connectionId }) => connectionId), ids)
  assert.deepEqual((await walk(connections.list({ channel: 'page/all', state: 'open', pageSize: 1 }))).map(({ connectionId }) => connectionId), ids)
  assert.deepEqual(await walk(channels.list({ prefix: 'page/', pageSize: 4 })), [
    ...ids.map((_, i) => ({ channel: `page/${i}`, members: 1 })), { channel: 'page/all', members: 5 },
  ])
  const sizes = []
  for await (const { items } of channels.list({ prefix: 'page/', pageSize: 4 }).pages()) sizes.push(items.length)
  assert.deepEqual(sizes, [4, 2])
  const [edge] = await walk(publisher.edges())
  assert.equal(edge.state, 'live')
  assert.deepEqual((await walk(connections.list({ edge: edge.edge, channel: 'page/3' }))).map(({ connectionId }) => connectionId), [ids[3]])
  assert.deepEqual(await channels.get('nobody'), { channel: 'nobody', members: 0 })
  await channels.publishBinary('page/all', new Uint8Array([7]))
  for (const { client: each } of all) assert.deepEqual(await each.next(), new Uint8Array([7]))
  await channels.close('page/all', { code: 4003, reason: 'over' })
  for (const { client: each } of all) assert.deepEqual(await each.closed, [4003, 'over'])
  const status = await publisher.status()
  assert.equal(status.edges, 1)
})

test('a channel is followed', async () => {
  const stop = new AbortController()
  const following = publisher.channels.follow('a b/ü', { signal: stop.signal })
  const first = following.next()
  // It is told from when the answer has begun: publish until then.
  let isTold = false
  first.then(() => (isTold = true))
  await until(() => publisher.channels.publishText('a b/ü', 'grüße\n\ndata: x').then(() => isTold), 'the first message')
  const { value } = await first
  assert.deepEqual({ ...value, publishedAt: '' }, { type: 'message', channel: 'a b/ü', publishedAt: '', data: 'grüße\n\ndata: x' })
  await publisher.channels.publishBinary('a b/ü', new Uint8Array([0, 255]))
  for await (const { data } of following)
    if (typeof data !== 'string') {
      assert.deepEqual(data, new Uint8Array([0, 255]))
      break
    }
  const aborted = publisher.channels.follow('x', { signal: stop.signal }).next()
  setTimeout(() => stop.abort(new Error('enough')), 100)
  await assert.rejects(aborted, /enough/)
  await assert.rejects(publisher.channels.follow('x'.repeat(300)).next(), (error) => error.type === '/problems/invalid-parameter')
})

test('processes', async () => {
  const processes = await publisher.processes()
  assert.deepEqual(processes.map(({ role }) => role).sort(), ['control', 'edge', 'router', 'webhook-worker'])
})

test('one key, one effect', async () => {
  const { client: one, id } = await opened()
  for (let i = 0; i < 3; i++) await publisher.send({ type: 'TEXT', connectionId: id, data: 'once' }, { idempotencyKey: `key of ${id}` })
  for (let i = 0; i < 3; i++) await publisher.connections.sendText(id, 'twice', { idempotencyKey: `other key of ${id}` })
  await publisher.connections.sendText(id, 'end')
  assert.deepEqual([await one.next(), await one.next(), await one.next()], ['once', 'twice', 'end'])
})

test('POLL_FOR_CONNECTION waits for one that is opening', async () => {
  let id
  let release
  const gate = new Promise((resolve) => (release = resolve))
  on.OPEN = async (connection) => {
    id = connection.connectionId
    await gate
    connection.accept()
  }
  const one = client()
  await until(() => id, 'OPEN')
  const sent = publisher.send([{ type: 'POLL_FOR_CONNECTION', connectionId: id, timeout: 10_000 }, { type: 'TEXT', connectionId: id, data: 'as soon as you are here' }])
  release()
  await sent
  assert.equal(await one.next(), 'as soon as you are here')
})

test('dead letters: list, read, replay, discard', async () => {
  const { client: one, id } = await opened()
  let isBroken = true
  backend.handler = (request, response) => (isBroken ? response.writeHead(400).end('no') : nodeHandler(publisher, behave)(request, response))
  const { deadLetters } = publisher
  const waiting = async () => {
    const found = []
    for await (const each of deadLetters.list({ connection: id, state: 'waiting', pageSize: 1 })) found.push(each)
    return found
  }
  one.send('lost')
  await until(async () => (await waiting()).length === 1, 'a dead letter')
  one.send('forgotten')
  await until(async () => (await waiting()).length === 2, 'another dead letter')
  isBroken = false
  const [forgotten, lost] = await waiting()
  assert.deepEqual([lost.connectionId, lost.lastStatus, lost.kind], [id, 400, 'events'])
  const whole = await deadLetters.get(lost.id)
  assert.deepEqual(whole.events, [{ type: 'TEXT', connectionId: id, data: 'lost' }])
  on.TEXT = (connection, { data }) => connection.sendText(`found ${data}`)
  assert.ok((await deadLetters.replay(lost.id)).replayRequestedAt)
  assert.equal(await one.next(), 'found lost')
  await until(async () => (await deadLetters.get(lost.id)).state === 'replayed', 'the replay')
  await assert.rejects(deadLetters.replay(lost.id), (error) => error.name === 'SlipConflictError' && error.type === '/problems/already-replayed')
  await deadLetters.discard(forgotten.id)
  await assert.rejects(deadLetters.get(forgotten.id), (error) => error.name === 'SlipNotFoundError' && error.type === '/problems/no-such-dead-letter')
  assert.equal((await waiting()).length, 0)
})

test('errors of the broker have their types', async () => {
  const no = (expected) => (error) => {
    assert.deepEqual({ name: error.name, result: error.result, type: error.type, status: error.status }, expected)
    return true
  }
  await assert.rejects(publisher.connections.sendText('nobody', 'x'), no({ name: 'SlipNotFoundError', result: 'no-such-connection', type: '/problems/no-such-connection', status: 404 }))
  await assert.rejects(publisher.channels.publishText('x'.repeat(300), 'x'), no({ name: 'SlipInvalidError', result: 'invalid', type: '/problems/invalid-parameter', status: 400 }))
  await assert.rejects(publisher.channels.publishText('x', 'x'.repeat(3 << 20)), no({ name: 'SlipInvalidError', result: 'invalid', type: '/problems/invalid-body', status: 400 }))
  await assert.rejects(publisher.channels.publishText('x', 'x'.repeat(5 << 20)), no({ name: 'SlipInvalidError', result: 'invalid', type: '/problems/body-too-large', status: 413 }))
  await assert.rejects(publisher.send({ type: 'SUBSCRIBE', connectionId: 'c', channel: 'x'.repeat(300) }), no({ name: 'SlipInvalidError', result: 'invalid', type: null, status: 400 }))
  const stranger = new SlipSocketPublisher({ ...ring, jwtSecret: 'another secret' })
  await assert.rejects(stranger.send([]), no({ name: 'SlipDeniedError', result: 'denied', type: null, status: 403 }))
  await assert.rejects(stranger.status(), no({ name: 'SlipDeniedError', result: 'denied', type: '/problems/invalid-token', status: 403 }))
  await publisher.send({ type: 'TEXT', connectionId: 'nobody', data: 'is no error' })
})

test('who does not take binary messages closes with 1003', async () => {
  backend.handler = nodeHandler(new SlipSocketPublisher(ring), behave)
  const { client: one } = await opened()
  one.send(new Uint8Array([1]))
  assert.equal((await one.closed)[0], 1003)
})

test('what your code throws is 500, and comes again with the same key', async (t) => {
  t.mock.method(console, 'error', () => {})
  let times = 0
  on.TEXT = (connection, { data }) => {
    if (++times === 1) throw new Error('for once')
    connection.sendText(data)
  }
  const { client: one } = await opened()
  one.send('again')
  assert.equal(await one.next(), 'again')
  const keys = seen.filter(({ type }) => type === 'TEXT').map(({ key }) => key)
  assert.deepEqual([keys.length, new Set(keys).size], [2, 1])
})

test('several connections in one request of the broker', async () => {
  const server = await new Backend().listen()
  const batched = await rings.start({ TARGET_URL: server.url, WEBHOOK_BATCH_CONNECTIONS: 64, WEBHOOK_CONCURRENCY: 1 })
  const mine = new SlipSocketPublisher({ ...batched, binary: true })
  let most = 0
  const handle = fetchHandler(mine, async (connection) => {
    for (const each of connection.inEvents) {
      if (each.type === 'OPEN') connection.accept()
      if (each.type === 'TEXT') connection.sendText(`${connection.idempotencyKey} ${each.data}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  })
  server.handler = nodeOf(async (request) => {
    const { batch } = await request.clone().json()
    most = Math.max(most, batch?.length ?? 1)
    return handle(request)
  })
  const many = await Promise.all(Array.from({ length: 20 }, () => new Client(batched.websocketUrl).opened))
  for (let i = 0; i < 5; i++) for (const each of many) each.send(`${i}`)
  for (const each of many)
    for (let i = 0; i < 5; i++) assert.match(await each.next(), new RegExp(`^\\S+:\\d+-\\d+ ${i}$`))
  assert.ok(most > 1, 'requests about several connections')
  for (const each of many) each.socket.terminate()
  await until(async () => (await mine.status()).connections.open === 0, 'all to be gone')
  server.close()
})

programTests(rings)
readmeTests(rings)
