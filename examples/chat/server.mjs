// A chat behind slip-sockets, on nothing but Node: one process serves the page and answers the
// broker's webhooks.
//
//   GET  /      the page            POST /   the broker's events
//
// Environment: PORT (default 3000; 0 = any free one), HOST (default 127.0.0.1), JWT_SECRET or
// JWT_SECRET_FILE (as the broker has it), WEBSOCKET_URL (where the page connects).
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { Chat } from './chat.mjs'
import { isFromBroker } from './token.mjs'

const BODY_LIMIT = 16 << 20
const LOOPBACK = ['127.0.0.1', 'localhost', '0.0.0.0', '[::1]', '[::]']
const HOST_NAME = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?$/i // a Host header, nothing that ends a policy
const PAGES = new Map(
  [
    ['/', 'index.html', 'text/html; charset=utf-8'],
    ['/style.css', 'style.css', 'text/css; charset=utf-8'],
    ['/chat.js', 'chat.js', 'text/javascript; charset=utf-8'],
  ].map(([path, file, type]) => [path, { type, body: readFileSync(new URL(`public/${file}`, import.meta.url)) }]),
)

class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

async function readBody(request) {
  const parts = []
  let length = 0
  // Leaving early must not destroy the request: its connection still carries the answer.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    length += part.length
    if (length > BODY_LIMIT) throw new Refusal(413, 'Body too large')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

async function webhook(request, { chat, secrets }) {
  if (!isFromBroker(request.headers.authorization, secrets)) throw new Refusal(403, 'Invalid token')
  const text = await readBody(request)
  try {
    return JSON.stringify(chat.handle(JSON.parse(text)))
  } catch (error) {
    throw new Refusal(400, `Invalid events: ${error.message}`)
  }
}

// The page connects where it came from, unless the broker has a name of its own (public/chat.js).
function websocketOrigin(websocketUrl, host) {
  const url = new URL(websocketUrl)
  if (LOOPBACK.includes(url.hostname) && HOST_NAME.test(host)) url.hostname = host.replace(/:\d+$/, '')
  return `${url.protocol}//${url.host}`
}

// Nothing may run, load or connect but what is ours.
function pageHeaders(type, request, { websocketUrl }) {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    'img-src data:',
    `connect-src 'self' ${websocketOrigin(websocketUrl, request.headers.host ?? '')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    'Content-Type': type,
    'Cache-Control': 'no-cache',
    'Content-Security-Policy': policy.join('; '),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  }
}

function page(pathname, app) {
  if (pathname === '/healthz') return { type: 'text/plain', body: 'ok' }
  if (pathname === '/config.json')
    return { type: 'application/json', body: JSON.stringify({ websocketUrl: app.websocketUrl }) }
  if (PAGES.has(pathname)) return PAGES.get(pathname)
  throw new Refusal(404, 'Not found')
}

async function answer(request, app) {
  const { pathname } = new URL(request.url, 'http://chat')
  if (request.method === 'POST' && pathname === '/')
    return { headers: { 'Content-Type': 'application/json' }, body: await webhook(request, app) }
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, 'Method not allowed')
  const { type, body } = page(pathname, app)
  return { headers: pageHeaders(type, request, app), body }
}

export function createApp({ secrets, websocketUrl }) {
  const app = { chat: new Chat(), secrets, websocketUrl }
  const server = createServer((request, response) => {
    answer(request, app).then(
      ({ headers, body }) => response.writeHead(200, headers).end(body),
      (error) => {
        if (!error.status) console.error(error)
        // What was not read is not waited for.
        if (!request.complete) response.setHeader('Connection', 'close')
        response.writeHead(error.status ?? 500, { 'Content-Type': 'text/plain' })
        response.end(error.status ? error.message : 'Internal error')
      },
    )
  })
  server.keepAliveTimeout = 65_000 // the broker keeps its connections; let it be the one to close
  return server
}

// As the broker reads it: several secrets are separated by commas; a file's last newline is dropped.
export function readSecrets(env) {
  const text = env.JWT_SECRET || (env.JWT_SECRET_FILE && readFileSync(env.JWT_SECRET_FILE, 'utf8').replace(/\n$/, ''))
  const secrets = (text || '').split(',').map((secret) => secret.trim()).filter(Boolean)
  if (secrets.length === 0) throw new Error('JWT_SECRET or JWT_SECRET_FILE is needed')
  return secrets
}

function main(env) {
  let secrets
  try {
    secrets = readSecrets(env)
  } catch (error) {
    console.error(`chat: ${error.message}`)
    process.exit(2)
  }
  const server = createApp({ secrets, websocketUrl: env.WEBSOCKET_URL || 'ws://127.0.0.1:8080' })
  server.on('error', (error) => {
    console.error(`chat: ${error.message}`)
    process.exit(1)
  })
  server.listen(Number(env.PORT || 3000), env.HOST || '127.0.0.1', () => {
    const { address, port, family } = server.address()
    console.log(`chat: listening on http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`)
  })
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => {
      server.close(() => process.exit(0))
      server.closeAllConnections()
    })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.env)
