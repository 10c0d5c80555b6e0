import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createApp, readSecrets } from '../server.mjs'
import { SECRET, bearer } from './token.test.mjs'

let server
let url

before(async () => {
  server = createApp({ secrets: [SECRET], websocketUrl: 'ws://example.test/' })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${server.address().port}`
})
after(() => {
  server.close()
  server.closeAllConnections()
})

const post = (body, authorization = bearer()) =>
  fetch(`${url}/`, { method: 'POST', headers: { authorization }, body: typeof body === 'string' ? body : JSON.stringify(body) })

test('an event is answered with commands', async () => {
  const answer = await post({ connectionId: 'c', metadata: null, events: [{ type: 'OPEN', connectionId: 'c' }] })
  assert.equal(answer.status, 200)
  assert.equal((await answer.json()).events[0].type, 'ACCEPT')
})

test('strangers are refused', async () => {
  const answer = await post({}, 'Bearer no')
  assert.equal(answer.status, 403)
  assert.equal(await answer.text(), 'Invalid token')
})

test('nonsense is refused', async () => {
  for (const body of ['', 'no', '{}', '{"events":[{"type":"DANCE"}]}']) assert.equal((await post(body)).status, 400, body)
})

test('a giant body is refused', async () => {
  assert.equal((await post('x'.repeat(17 << 20))).status, 413)
})

test('the page and what it loads', async () => {
  for (const [path, type] of [['/', 'text/html'], ['/style.css', 'text/css'], ['/chat.js', 'text/javascript'], ['/healthz', 'text/plain']]) {
    const answer = await fetch(url + path)
    assert.equal(answer.status, 200, path)
    assert.ok(answer.headers.get('content-type').startsWith(type), path)
  }
  assert.deepEqual(await (await fetch(`${url}/config.json`)).json(), { websocketUrl: 'ws://example.test/' })
  assert.equal((await fetch(`${url}/../server.mjs`)).status, 404)
  assert.equal((await fetch(`${url}/`, { method: 'PUT' })).status, 405)
})

test('the page may connect to the broker, and to nothing else', async () => {
  const allowed = async (websocketUrl, host) => {
    const app = createApp({ secrets: [SECRET], websocketUrl })
    await new Promise((resolve) => app.listen(0, '127.0.0.1', resolve))
    const request = get({ port: app.address().port, headers: { host } })
    const [answer] = await once(request, 'response')
    answer.resume()
    app.close()
    return /connect-src ([^;]*)/.exec(answer.headers['content-security-policy'])[1]
  }
  assert.equal(await allowed('ws://127.0.0.1:8080', 'chat.example:3000'), "'self' ws://chat.example:8080")
  assert.equal(await allowed('ws://127.0.0.1:8080', '[::1]:3000'), "'self' ws://[::1]:8080")
  assert.equal(await allowed('wss://broker.example/', 'chat.example'), "'self' wss://broker.example")
  assert.equal(await allowed('ws://127.0.0.1:8080', "x; script-src *"), "'self' ws://127.0.0.1:8080")
})

test('secrets come from the environment or a file', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'chat-')), 'secret')
  writeFileSync(file, 'one,two\n')
  assert.deepEqual(readSecrets({ JWT_SECRET_FILE: file }), ['one', 'two'])
  assert.deepEqual(readSecrets({ JWT_SECRET: 'three' }), ['three'])
  assert.throws(() => readSecrets({}), /is needed/)
  assert.throws(() => readSecrets({ JWT_SECRET_FILE: '/nonexistent' }), /ENOENT/)
})

const run = (env) => spawn(process.execPath, [fileURLToPath(new URL('../server.mjs', import.meta.url))], { env })
const exit = (child) => new Promise((resolve) => child.on('exit', (code) => resolve(code)))
const firstLine = (stream) => new Promise((resolve) => stream.once('data', (data) => resolve(String(data))))

test('the process prints its address and stops on SIGTERM', async () => {
  const child = run({ JWT_SECRET: SECRET, PORT: '0' })
  const [, address] = /listening on (http:\S+)/.exec(await firstLine(child.stdout))
  assert.equal((await fetch(`${address}healthz`)).status, 200)
  child.kill('SIGTERM')
  assert.equal(await exit(child), 0)
})

test('a missing secret and a taken port are one line each', async () => {
  const poor = run({ PORT: '0' })
  assert.equal(await firstLine(poor.stderr), 'chat: JWT_SECRET or JWT_SECRET_FILE is needed\n')
  const late = run({ JWT_SECRET: SECRET, PORT: String(server.address().port) })
  assert.match(await firstLine(late.stderr), /^chat: .*EADDRINUSE.*\n$/)
  assert.equal(await exit(late), 1)
})
