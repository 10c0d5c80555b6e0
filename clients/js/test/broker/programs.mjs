// Programs against the real broker: the snippet that the project began with, and the example.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Backend, Client, nodeOf, program } from '../lib/rings.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

/** The seed's text with its import in front, compiled by the strictest rules. */
function compileSeed({ controlApi, jwtSecret }) {
  const folder = at('../tmp/seed')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/settings.ts`, `export const { controlApi, jwtSecret } = ${JSON.stringify({ controlApi, jwtSecret })}\n`)
  writeFileSync(
    `${folder}/seed.ts`,
    `import { SlipSocketPublisher, assertUnreachable } from 'slip-sockets-client'\n` +
      `import { controlApi, jwtSecret } from './settings.js'\n${readFileSync(at('../fixtures/seed.ts'), 'utf8')}`,
  )
  const compilerOptions = { module: 'nodenext', target: 'es2022', lib: ['es2022', 'dom'], types: [], strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true }
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions }))
  execFileSync(process.execPath, [at('../../node_modules/typescript/bin/tsc'), '-p', folder], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
  return import(`${folder}/seed.js`)
}

export function programTests(rings) {
  test("the seed's snippet runs, only its import changed", async (t) => {
    const backend = await new Backend().listen()
    t.after(() => backend.close())
    const ring = await rings.start({ TARGET_URL: backend.url })
    const { POST } = await compileSeed(ring)
    backend.handler = nodeOf(POST)
    assert.equal((await fetch(backend.url, { method: 'POST', body: '{}' })).status, 403)

    const one = await new Client(ring.websocketUrl).opened
    assert.equal(await one.next(), 'New connection has joined!')
    assert.equal(await one.next(), 'Welcome to the cool channel, be nice or get out')
    const two = await new Client(ring.websocketUrl).opened
    assert.equal(await one.next(), 'New connection has joined!')
    assert.equal(await two.next(), 'New connection has joined!')
    assert.equal(await two.next(), 'Welcome to the cool channel, be nice or get out')
    one.send('hello')
    const said = await two.next()
    assert.match(said, /^\S+ says hello$/)
    assert.equal(await one.next(), said)
    one.send('quit')
    assert.deepEqual(await one.closed, [1000, ''])
    assert.equal(await two.next(), 'A Connection has left')
    two.socket.terminate()
  })

  test('examples/echo.mjs', async (t) => {
    const port = await rings.freePort()
    const ring = await rings.start({ TARGET_URL: `http://127.0.0.1:${port}/` })
    const echo = await program(t, at('../../examples/echo.mjs'), { PORT: String(port), JWT_SECRET: ring.jwtSecret, CONTROL_API: ring.controlApi })
    assert.equal(echo.line, `listening on port ${port}`)

    const one = await new Client(ring.websocketUrl).opened
    assert.equal(await one.next(), 'hello')
    one.send('grüße')
    assert.deepEqual([await one.next(), await one.next()], ['grüße', 'grüße'])
    one.send(new Uint8Array([0, 255]))
    assert.deepEqual(await one.next(), new Uint8Array([0, 255]))
    const two = await new Client(ring.websocketUrl).opened
    assert.equal(await two.next(), 'hello')
    const announced = await fetch(`http://127.0.0.1:${port}/announce`, { method: 'POST', body: 'to everybody' })
    assert.equal(await announced.text(), 'announced')
    assert.deepEqual([await one.next(), await two.next()], ['to everybody', 'to everybody'])
    one.send('quit')
    assert.deepEqual(await one.closed, [4000, 'as you wish'])
    assert.equal(await two.next(), 'somebody left')
    two.socket.close()
    await two.closed
    assert.equal(await echo.stop(), 0)
  })
}
