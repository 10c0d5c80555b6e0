// The README's code, as it stands there, against the real broker.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as slip from 'slip-sockets-client'
import { Backend, Client, nodeOf, program, until } from '../lib/rings.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const README = readFileSync(at('../../README.md'), 'utf8')
const FOLDER = at('../tmp/readme')

// Those that begin with their file's name are whole modules, the others parts of a function.
const blocks = [...README.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => ({ code, file: /^\/\/ (\S+\.mjs)\n/.exec(code)?.[1] }))
const parts = blocks.filter(({ file }) => !file).map(({ code }) => code)

function moduleOf(name) {
  const found = blocks.find(({ file }) => file === name)
  assert.ok(found, `${name} in the README`)
  writeFileSync(`${FOLDER}/${name}`, found.code)
  return `${FOLDER}/${name}`
}

const AsyncFunction = (async () => {}).constructor
const run = (code, names) => new AsyncFunction(...Object.keys(names), code)(...Object.values(names))

export function readmeTests(rings) {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })

  for (const [file, answer] of [['server.mjs', /^\S+: hi$/], ['express.mjs', /^hi$/]])
    test(`README: ${file}`, async (t) => {
      const port = await rings.freePort()
      const ring = await rings.start({ TARGET_URL: `http://127.0.0.1:${port}/` })
      const server = await program(t, moduleOf(file), { PORT: String(port), CONTROL_API: ring.controlApi, JWT_SECRET: ring.jwtSecret })
      const client = await new Client(ring.websocketUrl).opened
      if (file === 'server.mjs') assert.equal(await client.next(), 'welcome')
      client.send('hi')
      assert.match(await client.next(), answer)
      client.socket.close()
      await client.closed
      await until(async () => (await new slip.SlipSocketPublisher(ring).status()).connections.closing === 0, 'CLOSE')
      await server.stop()
    })

  test('README: route.mjs, by-hand.mjs, and the parts', async (t) => {
    const backend = await new Backend().listen()
    t.after(() => backend.close())
    const ring = await rings.start({ TARGET_URL: backend.url })
    const publisher = new slip.SlipSocketPublisher(ring)
    Object.assign(process.env, { CONTROL_API: ring.controlApi, JWT_SECRET: ring.jwtSecret })

    for (const file of ['route.mjs', 'by-hand.mjs']) {
      backend.handler = nodeOf((await import(moduleOf(file))).POST)
      const client = await new Client(ring.websocketUrl).opened
      client.send('hi')
      assert.equal(await client.next(), 'hi', file)
      client.socket.close()
      await client.closed
    }

    assert.equal(parts.length, 4)
    const [answer, calls, follow, errors] = parts
    let connectionId
    backend.handler = slip.nodeHandler(publisher, async (connection) => {
      if (connection.inEvents[0].type !== 'OPEN') return
      connectionId = connection.connectionId
      await run(answer, { connection })
      connection.subscribe('news')
    })
    const client = await new Client(ring.websocketUrl, ['chat.v1']).opened
    assert.equal(client.socket.protocol, 'chat.v1')
    assert.deepEqual(client.headers['set-cookie'], ['seen=1'])
    assert.deepEqual(await client.next(), new Uint8Array([1, 2, 3]))
    const info = () => publisher.connections.get(connectionId).catch(() => null) // the tables follow
    await until(async () => (await info())?.metadata.user && (await info()).channels.length === 1, 'the row')

    const log = t.mock.method(console, 'log', () => {})
    await run(calls, { publisher, connectionId })
    assert.deepEqual([await client.next(), await client.next(), await client.next()], ['hello', 'hello', 'only for you'])
    assert.deepEqual(await client.closed, [4001, 'signed out'])
    log.mock.resetCalls()
    const stop = new AbortController()
    const following = run(follow, { publisher, signal: stop.signal })
    await until(() => publisher.channels.publishText('news', 'seen').then(() => log.mock.calls.length > 0), 'the first message')
    assert.deepEqual(log.mock.calls[0].arguments, ['seen'])
    stop.abort(new Error('enough'))
    await assert.rejects(following, /enough/)

    log.mock.resetCalls()
    await run(errors, { publisher, ...slip })
    assert.deepEqual(log.mock.calls[0].arguments, ['no-such-connection', '/problems/no-such-connection', 404])
  })
}
