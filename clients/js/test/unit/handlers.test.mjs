// The handlers, in real servers: node:http, Express with and without body parsers, and fetch-style.
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import http2 from 'node:http2'
import { test } from 'node:test'
import express from 'express'
import { SlipSocketPublisher, expressHandler, fetchHandler, nodeHandler } from 'slip-sockets-client'
import { CONTROL, SECRET, one, open, request, serve, text, token } from '../lib/requests.mjs'

const publisher = new SlipSocketPublisher({ controlApi: CONTROL, jwtSecret: SECRET, bodyLimit: 2000 })

function chat(connection) {
  for (const event of connection.inEvents) {
    if (event.type === 'OPEN') connection.accept()
    if (event.type === 'TEXT' && event.data === 'throw') throw new Error('a mistake of the backend')
    if (event.type === 'TEXT') connection.sendText(event.data)
  }
}

const post = async (url, body, { authorization, ...options } = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { authorization: authorization ?? `Bearer ${await token()}`, 'content-type': 'application/websocket-events', ...options.headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

const withExpress = (t, ...middleware) => {
  const app = express()
  for (const each of middleware) app.use(each)
  app.post('/', expressHandler(publisher, chat))
  const seen = []
  app.use((error, _request, response, _next) => {
    seen.push(error)
    response.status(500).send('express says no')
  })
  return serve(t, app).then((url) => ({ url, seen }))
}

const servers = {
  'node:http': async (t) => {
    const seen = []
    return { url: await serve(t, nodeHandler(publisher, chat, { onError: (error) => seen.push(error) })), seen }
  },
  express: (t) => withExpress(t),
  'express with json() and urlencoded()': (t) => withExpress(t, express.json(), express.urlencoded({ extended: true })),
  'express with json() of everything': (t) => withExpress(t, express.json({ type: '*/*', strict: false })),
  'express with text()': (t) => withExpress(t, express.text({ type: '*/*' })),
  'express with raw()': (t) => withExpress(t, express.raw({ type: '*/*' })),
  'express like version 4': (t) => withExpress(t, (each, _response, next) => ((each.body = {}), next())),
}

for (const [name, start] of Object.entries(servers)) {
  test(`${name}: events are answered with commands`, async (t) => {
    const { url } = await start(t)
    const answer = await post(url, one([open()]))
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'application/websocket-events')
    assert.deepEqual(await answer.json(), { events: [{ type: 'ACCEPT', connectionId: 'c' }] })
    const said = 'grüße 😀'
    assert.deepEqual((await (await post(url, one([text(said)]))).json()).events[0].data, said)
  })

  test(`${name}: strangers and nonsense are refused, mistakes are 500`, async (t) => {
    const { url, seen } = await start(t)
    const stranger = await post(url, one([open()]), { authorization: 'Bearer x.y.z' })
    assert.deepEqual([stranger.status, await stranger.text()], [403, 'Invalid token'])
    const nonsense = await post(url, '{"events":7}')
    assert.deepEqual([nonsense.status, (await nonsense.text()).slice(0, 15)], [400, 'Invalid events:'])
    assert.deepEqual(seen, [])
    assert.equal((await post(url, one([text('throw')]))).status, 500)
    assert.deepEqual(seen.map((error) => error.message), ['a mistake of the backend'])
    assert.equal((await post(url, one([open()]))).status, 200, 'it goes on')
  })
}

test('node:http: only POST', async (t) => {
  const { url } = await servers['node:http'](t)
  const answer = await fetch(url)
  assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'])
})

test('node:http and Express: a body that is too long is refused, told or not, and not waited for', async (t) => {
  for (const start of [servers['node:http'], servers.express]) {
    const { url } = await start(t)
    assert.equal((await post(url, 'x'.repeat(3000))).status, 413)
    const status = await new Promise((resolve, reject) => {
      token().then((good) => {
        // Never ends, and does not say how long it is.
        const endless = httpRequest(url, { method: 'POST', headers: { authorization: `Bearer ${good}` } }, (response) => {
          resolve(response.statusCode)
          assert.equal(response.headers.connection, 'close')
          endless.destroy()
        })
        endless.on('error', reject)
        endless.write('x'.repeat(3000))
      })
    })
    assert.equal(status, 413)
  }
})

test('node:http2: its compatible form', async (t) => {
  const warned = t.mock.method(process, 'emitWarning')
  const server = http2.createServer(nodeHandler(publisher, chat))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = http2.connect(`http://127.0.0.1:${server.address().port}`)
  t.after(() => (session.destroy(), server.close()))
  const ask = async (body) => {
    const stream = session.request({ ':method': 'POST', ':path': '/', authorization: `Bearer ${await token()}` })
    const answered = new Promise((resolve, reject) => stream.on('response', resolve).on('error', reject))
    stream.end(body)
    const { ':status': status } = await answered
    let said = ''
    for await (const part of stream) said += part
    return [status, said]
  }
  assert.deepEqual(await ask(JSON.stringify(one([open()]))), [200, '{"events":[{"type":"ACCEPT","connectionId":"c"}]}'])
  assert.deepEqual(await ask('x'.repeat(3000)), [413, 'Body too large'])
  assert.deepEqual(warned.mock.calls.map((call) => call.arguments[0]), [], 'no field that HTTP/2 does not know')
})

test('node:http: a client that goes away in the middle ends in onError', async (t) => {
  const errors = []
  let told
  const wasTold = new Promise((resolve) => (told = resolve))
  const url = await serve(t, nodeHandler(publisher, chat, { onError: (error) => (errors.push(error), told()) }))
  const broken = httpRequest(url, { method: 'POST', headers: { authorization: `Bearer ${await token()}`, 'content-length': '100' } })
  broken.on('error', () => {})
  broken.write('x', () => broken.destroy())
  await wasTold
  assert.equal(errors[0].code, 'ECONNRESET')
})

test('node:http: the console is told when nobody else is', async (t) => {
  const logged = t.mock.method(console, 'error', () => {})
  const url = await serve(t, nodeHandler(publisher, chat))
  assert.equal((await post(url, one([text('throw')]))).status, 500)
  assert.equal(logged.mock.calls[0].arguments[0].message, 'a mistake of the backend')
})

test('Express: a body that was read and not kept is a mistake of the backend', async (t) => {
  const { url, seen } = await withExpress(t, (each, _response, next) => each.resume().on('end', next))
  assert.equal((await post(url, one([open()]))).status, 500)
  assert.match(seen[0].message, /was read before/)
})

test('fetch-style: a Request becomes a Response', async () => {
  const POST = fetchHandler(publisher, chat)
  assert.deepEqual(await (await POST(await request(one([open()])))).json(), { events: [{ type: 'ACCEPT', connectionId: 'c' }] })
  assert.equal((await POST(await request(one([open()]), { authorization: 'Bearer x' }))).status, 403)
  assert.equal((await POST(await request('no'))).status, 400)
  assert.equal((await POST(await request('x'.repeat(2001)))).status, 413)
  assert.equal((await POST(await request('', { method: 'GET' }))).status, 405)
  await assert.rejects(POST(await request(one([text('throw')]))), /a mistake of the backend/)
  const errors = []
  const told = fetchHandler(publisher, chat, { onError: (error) => errors.push(error.message) })
  assert.equal((await told(await request(one([text('throw')])))).status, 500)
  assert.deepEqual(errors, ['a mistake of the backend'])
})

test('several connections are handled at the same time, and answered when all are done', async () => {
  const order = []
  let release
  const gate = new Promise((resolve) => (release = resolve))
  const slow = fetchHandler(publisher, async (connection) => {
    order.push(`begin ${connection.connectionId}`)
    if (connection.connectionId === 'a') await gate
    else release()
    connection.sendText('done')
    order.push(`end ${connection.connectionId}`)
  })
  const body = { batch: [one([text('x', 'a')], { idempotencyKey: 'a:1-1' }), one([text('x', 'b')], { idempotencyKey: 'b:1-1' })] }
  const answer = await (await slow(await request(body))).json()
  assert.deepEqual(order, ['begin a', 'begin b', 'end b', 'end a'])
  assert.deepEqual(answer.events.map(({ connectionId }) => connectionId), ['a', 'b'])
})

test('when one of several fails, the others are waited for, and none is answered', async () => {
  let isDone = false
  const failing = fetchHandler(publisher, async (connection) => {
    if (connection.connectionId === 'a') throw new Error('a mistake')
    await new Promise((resolve) => setImmediate(resolve))
    isDone = true
  })
  const body = { batch: [one([text('x', 'a')]), one([text('x', 'b')])] }
  await assert.rejects(failing(await request(body)), /a mistake/)
  assert.ok(isDone)
})

test('a promise that was not awaited is found out by the closed answer', async () => {
  let late
  const careless = fetchHandler(publisher, (connection) => {
    late = Promise.resolve().then(() => Promise.resolve()).then(() => new Promise((resolve) => setImmediate(resolve))).then(() => connection.sendText('x'))
    late.catch(() => {})
  })
  assert.equal((await careless(await request(one([text('x')])))).status, 200)
  await assert.rejects(late, /was answered: use the publisher/)
})
