// The publisher against an HTTP server that stands in for control: what it asks, how it fails, when it asks again.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { jwtVerify } from 'jose'
import * as slip from 'slip-sockets-client'
import { parseRetryAfter, pauseMs } from '../../dist/esm/transport.js'
import { TokenSigner } from '../../dist/esm/token.js'
import { SECRET, control, done, problem } from '../lib/requests.mjs'

const { SlipError, SlipSocketPublisher } = slip
const OK = done({ message: 'processed successfully' })
const publisherOf = (url, options = {}) => new SlipSocketPublisher({ controlApi: url, jwtSecret: SECRET, ...options })
const failing = (expected) => (error) => {
  assert.ok(error instanceof SlipError, `${error?.stack}`)
  const { cause, ...fields } = { ...error, message: error.message, cause: error.cause }
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(fields[name], value, `${name} of ${JSON.stringify(fields)}`)
  return true
}

test('send() posts commands with a good token to controlApi as it is', async (t) => {
  const { url, requests } = await control(t, OK)
  const publisher = publisherOf(`${url}/some/where?x=1#y`)
  await publisher.send([{ type: 'PUBLISH_TEXT', channelId: 'news', data: 'hi' }, { type: 'PUBLISH_BINARY', channelId: 'news', data: new Uint8Array([255]) }])
  await publisher.send({ type: 'CLOSE', connectionId: 'c' })
  const [{ method, url: path, headers, body }, second] = requests
  assert.deepEqual([method, path, headers['content-type']], ['POST', '/some/where?x=1', 'application/websocket-events'])
  assert.deepEqual(JSON.parse(body), { events: [{ type: 'PUBLISH_TEXT', channelId: 'news', data: 'hi' }, { type: 'PUBLISH_BINARY', channelId: 'news', data: '/w==' }] })
  const { payload, protectedHeader } = await jwtVerify(headers.authorization.slice('Bearer '.length), new TextEncoder().encode(SECRET))
  assert.equal(protectedHeader.alg, 'HS256')
  assert.deepEqual({ ...payload, exp: payload.exp - payload.iat, iat: 0 }, { iss: 'slip-sockets', aud: 'ControlEvent', exp: 60, iat: 0 })
  assert.deepEqual(JSON.parse(second.body).events, [{ type: 'CLOSE', connectionId: 'c' }])
  assert.notEqual(second.headers['idempotency-key'], headers['idempotency-key'])
  assert.match(headers['idempotency-key'], /^[\x20-\x7e]{1,255}$/)
})

test('commands that cannot be are not sent', async (t) => {
  const { url, requests } = await control(t, OK)
  for (const bad of [{ type: 'ACCEPT', connectionId: 'c' }, { type: 'TEXT', connectionId: 'c' }, { type: 'POLL_FOR_CONNECTION', connectionId: 'c', timeout: -1 }, {}])
    await assert.rejects(publisherOf(url).send(bad), failing({ result: 'invalid', attempts: 0 }), JSON.stringify(bad))
  await assert.rejects(publisherOf(url).send([], { idempotencyKey: 'ä' }), failing({ result: 'invalid' }))
  assert.equal(requests.length, 0)
})

test('what may pass is tried again with the same key, no sooner than Retry-After', async (t) => {
  const { url, requests } = await control(t, problem(503, 'overloaded', { 'Retry-After': '1' }), problem(503, 'not-applied-in-time'), (response) => response.destroy(), done({}, 502), done({}, 429), done({}, 504), OK)
  const started = Date.now()
  await publisherOf(url, { attempts: 7 }).send([])
  assert.ok(Date.now() - started >= 1000)
  assert.equal(requests.length, 7)
  assert.equal(new Set(requests.map(({ headers }) => headers['idempotency-key'])).size, 1)
  assert.equal(new Set(requests.map(({ body }) => body)).size, 1)
})

test('attempts are counted and bounded', async (t) => {
  const { url, requests } = await control(t, problem(503, 'not-ready', {}, { detail: 'no edge' }))
  await assert.rejects(publisherOf(url, { attempts: 3 }).send([]), failing({
    name: 'SlipUnavailableError', result: 'unavailable', status: 503, type: '/problems/not-ready', detail: 'no edge', message: 'A title: no edge', attempts: 3,
  }))
  assert.equal(requests.length, 3)
})

test('a Retry-After that is too long is not waited for', async (t) => {
  const { url, requests } = await control(t, problem(503, 'overloaded', { 'Retry-After': '3600' }))
  await assert.rejects(publisherOf(url).send([]), failing({ result: 'overloaded', retryAfterMs: 3_600_000, attempts: 1 }))
  assert.equal(requests.length, 1)
})

test('what will not pass is not tried again', async (t) => {
  const cases = [
    [problem(400, 'invalid-body', {}, { detail: 'events[0].data is missing' }), { name: 'SlipInvalidError', result: 'invalid', status: 400, type: '/problems/invalid-body' }],
    [done({ message: 'invalid commands' }, 400), { result: 'invalid', type: null, message: 'invalid commands', detail: null }],
    [(response) => response.writeHead(400, { 'Problem-Detail': 'events[0].type is unknown' }).end('{"message":"invalid commands"}'), { message: 'invalid commands: events[0].type is unknown', detail: 'events[0].type is unknown' }],
    [(response) => response.writeHead(403).end('Invalid token'), { name: 'SlipDeniedError', result: 'denied', status: 403, type: null }],
    [problem(403, 'invalid-token'), { result: 'denied', type: '/problems/invalid-token' }],
    [problem(404, 'no-such-connection'), { name: 'SlipNotFoundError', result: 'no-such-connection' }],
    [problem(404, 'no-such-dead-letter'), { name: 'SlipNotFoundError', result: 'not-found' }],
    [problem(409, 'already-replayed'), { name: 'SlipConflictError', result: 'conflict' }],
    [problem(413, 'body-too-large'), { result: 'invalid', status: 413 }],
    [problem(500, 'internal'), { name: 'SlipUnavailableError', result: 'unavailable', status: 500 }],
    [problem(418, 'made-up'), { result: 'invalid', type: null }],
    [(response) => response.writeHead(302, { Location: '/elsewhere' }).end(), { name: 'SlipUnexpectedError', result: 'unexpected', status: 302 }],
    [(response) => response.end('<html>'), { result: 'unexpected', status: 200 }],
    [(response) => response.writeHead(404).end('[null]'), { result: 'not-found', message: 'the broker answered 404' }],
  ]
  for (const [answer, expected] of cases) {
    const { url, requests } = await control(t, answer)
    await assert.rejects(publisherOf(url).send([]), failing({ ...expected, attempts: 1 }), JSON.stringify(expected))
    assert.equal(requests.length, 1)
  }
})

test('every problem type has its class', async (t) => {
  for (const type of slip.PROBLEM_TYPES) {
    const { url } = await control(t, problem(409, type.slice('/problems/'.length)))
    await assert.rejects(publisherOf(url).status(), (error) => error.type === type && error.name !== 'SlipError', type)
  }
})

test('nobody listens', async () => {
  await assert.rejects(publisherOf('http://127.0.0.1:1', { attempts: 2 }).send([]), failing({ name: 'SlipUnreachableError', result: 'unreachable', status: 0, attempts: 2 }))
})

test('an answer that does not come, or does not end, is too late', async (t) => {
  for (const answer of [() => {}, (response) => response.writeHead(200).write('{')]) {
    const { url, requests } = await control(t, answer)
    await assert.rejects(publisherOf(url, { timeoutMs: 60, attempts: 2 }).send([]), failing({ name: 'SlipTimeoutError', result: 'timed-out', attempts: 2 }))
    assert.equal(requests.length, 2)
  }
})

test("a poll's time-out is added", async (t) => {
  const { url, requests } = await control(t, (response) => setTimeout(() => OK(response), 200))
  const publisher = publisherOf(url, { timeoutMs: 100, attempts: 1 })
  await publisher.send([{ type: 'POLL_FOR_CONNECTION', connectionId: 'c', timeout: 5000 }])
  await assert.rejects(publisher.send([]), failing({ result: 'timed-out' }))
  await publisher.send([], { timeoutMs: 5000 })
  await publisher.send(Array(30).fill({ type: 'POLL_FOR_CONNECTION', connectionId: 'c', timeout: 86_400_000 })) // more than a timer can
  for (const timeoutMs of [0, -1, Number.NaN]) await assert.rejects(publisher.send([], { timeoutMs }), failing({ result: 'invalid' }))
  assert.equal(requests.length, 4)
})

test('a signal ends the call and its pauses', async (t) => {
  const reason = new Error('enough')
  const never = await control(t, () => {})
  const controller = new AbortController()
  const call = publisherOf(never.url).send([], { signal: controller.signal })
  setTimeout(() => controller.abort(reason), 50)
  await assert.rejects(call, (error) => error === reason)
  const busy = await control(t, problem(503, 'overloaded', { 'Retry-After': '9' }))
  const second = new AbortController()
  const pausing = publisherOf(busy.url).send([], { signal: second.signal })
  setTimeout(() => second.abort(reason), 100)
  await assert.rejects(pausing, (error) => error === reason)
  await assert.rejects(publisherOf(busy.url).send([], { signal: second.signal }), (error) => error === reason)
  assert.equal(busy.requests.length, 1)
})

test('resources ask what docs/rest.md says', async (t) => {
  const { url, requests } = await control(t, done({ message: 'applied' }))
  const { connections, channels, deadLetters, ...publisher } = publisherOf(`${url}/`)
  const calls = [
    [() => connections.get('a/b'), 'GET /v1/connections/a%2Fb'],
    [() => connections.sendText('c', 'hi'), 'POST /v1/connections/c/messages', { data: 'hi' }],
    [() => connections.sendBinary('c', new Uint8Array([1])), 'POST /v1/connections/c/messages', { data: 'AQ==', binary: true }],
    [() => connections.close('c'), 'POST /v1/connections/c/close', {}],
    [() => connections.close('c', { code: 4000, reason: 'r' }), 'POST /v1/connections/c/close', { code: 4000, reason: 'r' }],
    [() => connections.setMetadata('c', null), 'PUT /v1/connections/c/metadata', null],
    [() => connections.subscribe('c', 'a b/ü?'), 'PUT /v1/connections/c/subscriptions/a%20b%2F%C3%BC%3F'],
    [() => connections.unsubscribe('c', 'x'), 'DELETE /v1/connections/c/subscriptions/x'],
    [() => channels.get('x'), 'GET /v1/channels/x'],
    [() => channels.publishText('x', 'hi'), 'POST /v1/channels/x/messages', { data: 'hi' }],
    [() => channels.publishBinary('x', new ArrayBuffer(1)), 'POST /v1/channels/x/messages', { data: 'AA==', binary: true }],
    [() => channels.close('x', { code: 1001 }), 'POST /v1/channels/x/close', { code: 1001 }],
    [() => deadLetters.get(7), 'GET /v1/dead-letters/7'],
    [() => deadLetters.replay(7), 'POST /v1/dead-letters/7/replay'],
    [() => deadLetters.discard(7), 'DELETE /v1/dead-letters/7'],
  ]
  for (const [call, line, body] of calls) {
    await call()
    const { method, url: path, body: sent } = requests.at(-1)
    assert.equal(`${method} ${path}`, line)
    assert.deepEqual(sent === '' ? undefined : JSON.parse(sent), body, line)
  }
  await publisherOf(`${url}/prefix/`).status()
  assert.equal(requests.at(-1).url, '/prefix/v1/status')
  await connections.sendText('c', 'hi', { idempotencyKey: 'mine' })
  assert.equal(requests.at(-1).headers['idempotency-key'], 'mine')
})

test('there is a method for every operation of openapi.json', async () => {
  const { paths } = JSON.parse(readFileSync(new URL('../../../../control/openapi.json', import.meta.url), 'utf8'))
  const METHODS = new Set(['get', 'put', 'post', 'delete'])
  const left = new Map(Object.entries(paths).flatMap(([path, operations]) => Object.keys(operations).filter((name) => METHODS.has(name))
    .map((name) => [`${name.toUpperCase()} ${path}`, new RegExp(`^${name} http://x${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`, 'i')])))
  const fetch = async (url, { method = 'GET' }) => {
    for (const [operation, pattern] of left) if (pattern.test(`${method} ${url.replace(/\?.*/, '')}`)) left.delete(operation)
    return new Response('{"items":[],"next":null}')
  }
  const publisher = publisherOf('http://x', { fetch })
  const { connections, channels, deadLetters } = publisher
  const walked = [connections.list(), channels.list(), channels.members('x'), deadLetters.list(), publisher.edges(), channels.follow('x')]
  await Promise.all([
    publisher.send([]), publisher.status(), publisher.processes(),
    connections.get('c'), connections.sendText('c', ''), connections.close('c'), connections.setMetadata('c', 1), connections.subscribe('c', 'x'),
    connections.unsubscribe('c', 'x'), channels.get('x'), channels.publishText('x', ''), channels.close('x'), deadLetters.get(1), deadLetters.replay(1), deadLetters.discard(1),
    ...walked.map((listing) => listing[Symbol.asyncIterator]().next().catch(() => {})),
  ])
  assert.deepEqual([...left.keys()], ['GET /v1/openapi.json'])
})

test('what cannot stand in a path is not asked for', async (t) => {
  const { url, requests } = await control(t, done({}))
  const { connections, channels, deadLetters } = publisherOf(url)
  const bad = [
    () => channels.publishText('..', 'x'), () => channels.get('.'), () => connections.get(''), () => connections.get('..'),
    () => connections.subscribe('c', '.'), () => connections.setMetadata('c', undefined), () => deadLetters.get(0), () => deadLetters.get('../x'),
    () => connections.close('c', { code: 1 }), () => channels.publishText('x', 7), () => connections.sendText('\ud800', 'x'),
  ]
  for (const call of bad) await assert.rejects(async () => call(), failing({ result: 'invalid' }), String(call))
  assert.equal(requests.length, 0)
})

test('listings are walked page by page', async (t) => {
  const pages = [{ items: [1, 2], next: 'a+b' }, { items: [], next: 'c' }, { items: [3], next: null }]
  const { url, requests } = await control(t, ...pages.map((page) => done(page)))
  const { connections } = publisherOf(url)
  const seen = []
  for await (const each of connections.list({ channel: 'x y', state: 'open', pageSize: 2 })) seen.push(each)
  assert.deepEqual(seen, [1, 2, 3])
  assert.deepEqual(requests.map(({ url: path }) => path), [
    '/v1/connections?channel=x+y&state=open&limit=2', '/v1/connections?channel=x+y&state=open&limit=2&cursor=a%2Bb', '/v1/connections?channel=x+y&state=open&limit=2&cursor=c',
  ])
  for await (const page of connections.list({ cursor: 'q' }).pages()) assert.deepEqual(page.items, [3])
  assert.equal(requests.at(-1).url, '/v1/connections?cursor=q')
})

test('only as many pages are read as are walked', async (t) => {
  const { url, requests } = await control(t, done({ items: [1, 2], next: 'more' }))
  for await (const each of publisherOf(url).edges()) if (each === 2) break
  assert.equal(requests.length, 1)
})

test('following: parts of lines, comments, missed messages, the end, silence', async (t) => {
  const message = (data, more = {}) => JSON.stringify({ channel: 'x', publishedAt: 'now', data, ...more })
  const text = `: hello\n\nevent: message\ndata: ${message('grüße')}\n\nevent: missed\ndata: {}\n\nevent: message\ndata: ${message('AP8=', { binary: true })}\n\n`
  const bytes = Buffer.from(text)
  const { url, requests } = await control(t, async (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    for (const byte of bytes) {
      response.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    response.end()
  })
  const seen = []
  await assert.rejects(async () => {
    for await (const each of publisherOf(url).channels.follow('x')) seen.push(each)
  }, failing({ name: 'SlipUnreachableError', result: 'unreachable' }))
  assert.deepEqual(seen, [
    { type: 'message', channel: 'x', publishedAt: 'now', data: 'grüße' }, { type: 'missed' },
    { type: 'message', channel: 'x', publishedAt: 'now', data: new Uint8Array([0, 255]) },
  ])
  assert.equal(requests[0].url, '/v1/channels/x/messages')
  const silent = await control(t, (response) => response.writeHead(200).write(': hello\n\n'))
  await assert.rejects(publisherOf(silent.url).channels.follow('x', { silenceMs: 60 }).next(), failing({ result: 'timed-out' }))
  const busy = await control(t, problem(503, 'overloaded', { 'Retry-After': '2' }))
  await assert.rejects(publisherOf(busy.url).channels.follow('x').next(), failing({ result: 'overloaded', retryAfterMs: 2000, attempts: 1 }))
  assert.equal(busy.requests.length, 1)
})

test('following: who takes long over a message is not cut off', async (t) => {
  const message = (data) => `event: message\ndata: ${JSON.stringify({ channel: 'x', publishedAt: 'now', data })}\n\n`
  let answer
  const { url } = await control(t, (response) => {
    answer = response
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(message('one'))
  })
  const seen = []
  await assert.rejects(async () => {
    for await (const { data } of publisherOf(url).channels.follow('x', { silenceMs: 500 })) {
      seen.push(data)
      if (data === 'one') answer.write(message('two'))
      else answer.end()
      await new Promise((resolve) => setTimeout(resolve, 800))
    }
  }, failing({ result: 'unreachable' }))
  assert.deepEqual(seen, ['one', 'two'])
})

test('a dead letter whose discarding was answered too late is discarded', async (t) => {
  const lost = await control(t, (response) => response.destroy(), problem(404, 'no-such-dead-letter'))
  await publisherOf(lost.url).deadLetters.discard(7)
  const none = await control(t, problem(404, 'no-such-dead-letter'))
  await assert.rejects(publisherOf(none.url).deadLetters.discard(7), failing({ result: 'not-found' }))
})

test('options that cannot be', () => {
  const good = { controlApi: 'http://x', jwtSecret: 's' }
  for (const bad of [
    { controlApi: 'nowhere' }, { controlApi: 'ftp://x' }, { controlApi: 'http://u:p@x' }, { controlApi: undefined },
    { jwtSecret: '' }, { jwtSecret: ' , ' }, { jwtSecret: [] }, { jwtSecret: [''] }, { jwtSecret: undefined }, { jwtSecret: 7 },
    { timeoutMs: 0 }, { timeoutMs: Number.NaN }, { attempts: 0 }, { attempts: 101 }, { retryLimitMs: -1 }, { retryLimitMs: 2 ** 31 }, { bodyLimit: 0 }, { timeoutMs: '5' },
  ])
    assert.throws(() => new SlipSocketPublisher({ ...good, ...bad }), failing({ result: 'invalid' }), JSON.stringify(bad))
})

test('a fetch of your own is used', async () => {
  const asked = []
  const fetch = async (url, { method, redirect }) => (asked.push([url, method, redirect]), new Response('{"edges":1}'))
  assert.deepEqual(await publisherOf('https://x.test', { fetch }).status(), { edges: 1 })
  assert.deepEqual(asked, [['https://x.test/v1/status', 'GET', 'manual']])
})

test('pauses double, jitter, and end at five seconds', () => {
  assert.deepEqual([1, 2, 3, 4].map((attempt) => pauseMs(attempt, 0, 0)), [50, 100, 200, 400])
  assert.deepEqual([1, 2, 3, 100].map((attempt) => pauseMs(attempt, 0, 1)), [100, 200, 400, 5000])
  assert.equal(pauseMs(1, 3000, 0.5), 3000)
})

test('Retry-After in its forms', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  assert.equal(parseRetryAfter('7', now), 7000)
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now), 5000)
  for (const none of [null, '', 'soon', '-1', 'Thu, 01 Jan 2015 00:00:05 GMT']) assert.equal(parseRetryAfter(none, now), 0)
})

test('a token serves for half of its life', async () => {
  const signer = new TokenSigner(new TextEncoder().encode(SECRET))
  const first = await signer.token(1_000_000)
  assert.equal(await signer.token(1_029_999), first)
  assert.notEqual(await signer.token(1_030_000), first)
  assert.notEqual(await signer.token(5_000), await signer.token(1_040_000), 'the clock was set back')
})
