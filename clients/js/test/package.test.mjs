// The package as its users get it: packed, installed elsewhere, imported, required, compiled against.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const run = (command, args, options) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options })
const tsc = (folder, ...args) => {
  try {
    return run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...args], { cwd: folder })
  } catch (error) {
    throw new Error(error.stdout)
  }
}

let folder
let installed

// npm would ask its registry for jose: its copy from here is put beside the package instead.
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'slip-package-'))
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT })
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  installed = join(folder, 'node_modules/slip-sockets-client')
  mkdirSync(installed, { recursive: true })
  run('tar', ['xzf', join(folder, `slip-sockets-client-${version}.tgz`), '-C', installed, '--strip-components=1'])
  cpSync(join(ROOT, 'node_modules/jose'), join(folder, 'node_modules/jose'), { recursive: true })
  mkdirSync(join(folder, 'node_modules/@types'))
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'))
  symlinkSync(join(ROOT, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'))
  writeFileSync(join(folder, 'package.json'), '{}')
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('it holds what is needed, and nothing of the tests', () => {
  for (const file of ['dist/esm/index.js', 'dist/cjs/index.js', 'dist/esm/index.d.ts', 'src/index.ts', 'examples/echo.mjs', 'README.md', 'LICENSE'])
    assert.ok(existsSync(join(installed, file)), file)
  for (const file of ['test', 'node_modules', 'tsconfig.json']) assert.ok(!existsSync(join(installed, file)), file)
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  assert.deepEqual(Object.keys(dependencies), ['jose'])
})

// Signs and verifies too: that is where jose is needed.
const USE = `
  const publisher = new SlipSocketPublisher({ controlApi: 'http://x', jwtSecret: 's', fetch: async (url, { headers }) => {
    console.log(headers.Authorization.split('.').length)
    return new Response('{"edges":2}')
  } })
  publisher.status().then(async ({ edges }) => {
    console.log(edges, await publisher.receive({ authorization: 'Bearer a.b.c', body: '' }))
  })
`

test('import and require give the same names, and work', async () => {
  writeFileSync(join(folder, 'use.mjs'), `import { SlipSocketPublisher } from 'slip-sockets-client'\n${USE}`)
  writeFileSync(join(folder, 'use.cjs'), `const { SlipSocketPublisher } = require('slip-sockets-client')\n${USE}`)
  for (const file of ['use.mjs', 'use.cjs']) assert.equal(run(process.execPath, [join(folder, file)]), '3\n2 null\n', file)
  const required = createRequire(pathToFileURL(join(folder, 'x.cjs')))('slip-sockets-client')
  const imported = await import(pathToFileURL(join(installed, 'dist/esm/index.js')))
  assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort())
  assert.equal(required.MEDIA_TYPE, 'application/websocket-events')
})

// As in workers: jose by WebCrypto, and no Buffer when the library is loaded (Node's own fetch wants it back).
const WEB = `
  const { Buffer, Request, Response } = globalThis
  delete globalThis.Buffer
  const { SlipSocketPublisher, fetchHandler } = await import('slip-sockets-client')
  globalThis.Buffer = Buffer
  const base64url = (text) => btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  const encode = (text) => new TextEncoder().encode(text)
  const key = await crypto.subtle.importKey('raw', encode('s'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const claims = { iss: 'slip-sockets', aud: 'WebSocketEvent', exp: Math.floor(Date.now() / 1000) + 60 }
  const signed = base64url('{"alg":"HS256"}') + '.' + base64url(JSON.stringify(claims))
  const signature = base64url(String.fromCharCode(...new Uint8Array(await crypto.subtle.sign('HMAC', key, encode(signed)))))
  const asked = []
  const publisher = new SlipSocketPublisher({
    controlApi: 'http://x', jwtSecret: 's', binary: true,
    fetch: async (url, { headers, body }) => (asked.push(headers.Authorization.split('.').length, body), new Response('{}')),
  })
  const POST = fetchHandler(publisher, (connection) => {
    for (const { data } of connection.inEvents) connection.sendBinary(data)
  })
  const large = 'AP8A'.repeat(100_000)
  const answer = await POST(new Request('http://x', {
    method: 'POST',
    headers: { authorization: 'Bearer ' + signed + '.' + signature },
    body: JSON.stringify({ connectionId: 'c', metadata: null, events: [{ type: 'BINARY', connectionId: 'c', data: large }] }),
  }))
  await publisher.channels.publishBinary('x', new Uint8Array([0, 255, 0, 7]))
  console.log((await answer.json()).events[0].data === large, JSON.stringify(asked))
`

test('it works where there is nothing of Node', () => {
  writeFileSync(join(folder, 'web.mjs'), WEB)
  const flags = ['--conditions=worker', ...(globalThis.crypto ? [] : ['--experimental-global-webcrypto'])]
  assert.equal(run(process.execPath, [...flags, join(folder, 'web.mjs')]), 'true [3,"{\\"data\\":\\"AP8ABw==\\",\\"binary\\":true}"]\n')
})

const CONSUMER = `
import { createServer } from 'node:http'
import { SlipNotFoundError, SlipSocketPublisher, assertUnreachable, expressHandler, fetchHandler, nodeHandler } from 'slip-sockets-client'
import type { ControlCommand, InEvent, SlipSocketConnection } from 'slip-sockets-client'

const publisher = new SlipSocketPublisher({ controlApi: 'http://127.0.0.1:9', jwtSecret: 's', binary: true })
const plain = new SlipSocketPublisher({ controlApi: 'http://127.0.0.1:9', jwtSecret: 's' })

interface User { name: string }

function onEvent(connection: SlipSocketConnection<User, true>, event: InEvent): void {
  switch (event.type) {
    case 'OPEN': return connection.accept({ subprotocol: event.subprotocols[0], headers: { a: ['b'] } })
    case 'TEXT': return connection.setMetadata({ name: event.data.trim() })
    case 'BINARY': return connection.sendBinary(event.data)
    case 'CLOSE': return connection.publishText('left', \`\${event.code} \${connection.metadata.name}\`)
    default: return assertUnreachable(event)
  }
}

export const server = createServer(nodeHandler<User, true>(publisher, (connection) => connection.inEvents.forEach((event) => onEvent(connection, event))))
export const express = expressHandler(plain, async (connection) => {
  for (const event of connection.inEvents) {
    if (event.type === 'TEXT') connection.sendText(event.text)
    // @ts-expect-error binary messages are not taken
    if (event.type === 'BINARY') connection.close()
  }
})
export const POST: (request: Request) => Promise<Response> = fetchHandler(plain, () => {})

const commands: ControlCommand[] = [{ type: 'TEXT', connectionId: 'c', data: 'x' }, { type: 'POLL_FOR_CONNECTION', connectionId: 'c', timeout: 5 }]
export async function main(): Promise<string | null> {
  await publisher.send(commands)
  // @ts-expect-error ACCEPT is for answers
  await publisher.send({ type: 'ACCEPT', connectionId: 'c' })
  // @ts-expect-error data is missing
  await publisher.send({ type: 'TEXT', connectionId: 'c' })
  for await (const { connectionId, metadata } of publisher.connections.list({ state: 'open' })) if (metadata === null) return connectionId
  try {
    await publisher.deadLetters.replay(7)
  } catch (error) {
    if (error instanceof SlipNotFoundError) return error.type
  }
  const connection = await plain.parseRequest<User>(new Request('http://x'))
  return connection === null ? null : connection.metadata.name
}
`

const STRICT = {
  target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable'], types: ['node'], noEmit: true, strict: true, skipLibCheck: false,
  noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noImplicitReturns: true, noUnusedLocals: true,
}

for (const [name, files, compilerOptions] of [
  ['as Node resolves it, from an ES module and from CommonJS', ['consumer.mts', 'consumer.cts'], { module: 'nodenext' }],
  ['as bundlers resolve it', ['consumer.ts'], { module: 'esnext', moduleResolution: 'bundler' }],
])
  test(`types: ${name}, by the strictest rules`, () => {
    for (const file of files) writeFileSync(join(folder, file), CONSUMER)
    writeFileSync(join(folder, 'consumer.json'), JSON.stringify({ compilerOptions: { ...STRICT, ...compilerOptions }, files }))
    tsc(folder, '-p', 'consumer.json')
  })

test('types: without those of Node', () => {
  writeFileSync(join(folder, 'web.mts'), "import { fetchHandler, SlipSocketPublisher } from 'slip-sockets-client'\nexport default fetchHandler(new SlipSocketPublisher({ controlApi: 'http://x', jwtSecret: 's' }), (connection) => connection.close())\n")
  // jose 5 speaks of Node's types in its own: only ours are checked.
  writeFileSync(join(folder, 'web.json'), JSON.stringify({ compilerOptions: { ...STRICT, types: [], skipLibCheck: true, module: 'nodenext' }, files: ['web.mts'] }))
  tsc(folder, '-p', 'web.json')
  assert.ok(!readFileSync(join(installed, 'dist/esm/index.d.ts'), 'utf8').includes('node:'))
})

test('every exported thing has a comment', () => {
  const index = readFileSync(join(ROOT, 'src/index.ts'), 'utf8')
  const names = [...index.matchAll(/export (?:type )?\{([^}]*)\} from '(.+)\.js'/g)].flatMap(([, list, file]) =>
    list.split(',').map((name) => name.replace('type ', '').trim()).filter(Boolean).map((name) => [name, file]))
  assert.ok(names.length > 50)
  for (const [name, file] of names) {
    const source = readFileSync(join(ROOT, 'src', `${file}.ts`), 'utf8')
    assert.match(source, new RegExp(`\\*/\\nexport (?:async )?(?:interface|type|const|class|function) ${name}\\b`), `${name} in ${file}.ts`)
  }
})
