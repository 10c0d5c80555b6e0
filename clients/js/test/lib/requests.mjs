// Requests as the broker makes them, and what stands in for control.
import { createServer } from 'node:http'
import { SignJWT } from 'jose'

export const SECRET = 'a secret of the tests that is long enough to sign with'
export const CONTROL = 'http://127.0.0.1:9'

const encode = (text) => new TextEncoder().encode(text)

/** A token; claims that are undefined are left out. */
export async function token({ secret = SECRET, alg = 'HS256', ...claims } = {}) {
  const now = Math.floor(Date.now() / 1000)
  const payload = { iss: 'slip-sockets', aud: 'WebSocketEvent', iat: now, exp: now + 60, ...claims }
  return new SignJWT(JSON.parse(JSON.stringify(payload))).setProtectedHeader({ alg }).sign(encode(secret))
}

export const open = (connectionId = 'c', more = {}) => ({ type: 'OPEN', connectionId, ...more })
export const text = (data, connectionId = 'c') => ({ type: 'TEXT', connectionId, data })
export const one = (events, more = {}) => ({ connectionId: events[0].connectionId, metadata: null, events, ...more })

/** A Request; the body is text, or something that becomes JSON. */
export async function request(body, { authorization, headers = {}, method = 'POST' } = {}) {
  return new Request('http://backend.test/events', {
    method,
    headers: {
      authorization: authorization ?? `Bearer ${await token()}`,
      'content-type': 'application/websocket-events',
      ...headers,
    },
    ...(method !== 'GET' && { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
  })
}

/** The commands of a Response. */
export const commandsOf = async (response) => (await response.json()).events

/** An HTTP server for the length of a test; `handler` is node:http's. Returns its address. */
export async function serve(t, handler) {
  const server = createServer(handler)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${server.address().port}`
}

/** Stands in for control: answers each request by the next function of a list, the last one for ever. */
export async function control(t, ...answers) {
  const requests = []
  const url = await serve(t, async (request, response) => {
    const parts = []
    for await (const part of request) parts.push(part)
    requests.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() })
    const answer = answers[Math.min(requests.length, answers.length) - 1]
    answer(response, request)
  })
  return { url, requests }
}

/** Answers of control. */
export const done = (body = { message: 'applied' }, status = 200) => (response) =>
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
export const problem = (status, type, headers = {}, more = {}) => (response) =>
  response
    .writeHead(status, { 'Content-Type': 'application/problem+json', ...headers })
    .end(JSON.stringify({ type: `/problems/${type}`, title: 'A title', status, ...more }))
