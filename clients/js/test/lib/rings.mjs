// Real rings of the broker (test/ring.py), and what stands around one in a test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'
import { BUILD } from './peer.mjs'

export class Rings {
  #process = spawn('/usr/bin/python3', [fileURLToPath(new URL('../ring.py', import.meta.url))], {
    env: { ...process.env, SLIP_BUILD: BUILD, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  #lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  #last = Promise.resolve()

  /** {controlApi, jwtSecret, websocketUrl} of a new ring; settings are the broker's. */
  start(settings) {
    return this.#ask(settings)
  }

  async freePort() {
    return (await this.#ask({ port: true })).port
  }

  /** Ends all of them, which must have been well. */
  async stop() {
    this.#process.stdin.end()
    const [code] = await once(this.#process, 'exit')
    if (code !== 0) throw new Error(`ring.py ended with ${code}`)
  }

  #ask(question) {
    this.#last = this.#last.then(async () => {
      this.#process.stdin.write(`${JSON.stringify(question)}\n`)
      const { value, done } = await this.#lines.next()
      if (done) throw new Error('ring.py ended')
      return JSON.parse(value)
    })
    return this.#last
  }
}

/** A server on node:http whose handler can be changed. */
export class Backend {
  handler = (_request, response) => response.writeHead(500).end()
  #server = createServer((request, response) => this.handler(request, response))

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${this.#server.address().port}/events`
    return this
  }

  close() {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** A handler of node:http for a function of Request that returns a Response: what a framework does. */
export const nodeOf = (POST) => async (request, response) => {
  const parts = []
  for await (const part of request) parts.push(part)
  const { method, headers, url } = request
  const answer = await POST(new Request(`http://backend.test${url}`, { method, headers, body: Buffer.concat(parts) }))
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()))
}

const clients = new Set()

/** Drops every client there is: what a failed test has left. */
export function dropClients() {
  for (const client of clients) client.socket.terminate()
  clients.clear()
}

/** A WebSocket client whose messages can be waited for. */
export class Client {
  #messages = []
  #waiting = []

  constructor(url, subprotocols = [], options = {}) {
    this.socket = new WebSocket(url, subprotocols, options)
    clients.add(this)
    this.closed = new Promise((resolve) => this.socket.on('close', (code, reason) => resolve([code, String(reason)])))
    this.opened = new Promise((resolve, reject) => {
      this.socket.on('open', () => resolve(this))
      this.socket.on('unexpected-response', (_request, response) => {
        const parts = []
        response.on('data', (part) => parts.push(part))
        response.on('end', () => reject(Object.assign(new Error('refused'), { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() })))
      })
      this.socket.on('error', reject)
    })
    this.opened.catch(() => {})
    this.socket.on('upgrade', (response) => (this.headers = response.headers))
    this.socket.on('message', (data, isBinary) => {
      const message = isBinary ? new Uint8Array(data) : String(data)
      if (this.#waiting.length > 0) this.#waiting.shift()(message)
      else this.#messages.push(message)
    })
  }

  send(data) {
    this.socket.send(data)
  }

  /** The next message; fails when none comes. */
  next() {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift())
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no message within 10 s')), 10_000)
      this.#waiting.push((message) => {
        clearTimeout(timer)
        resolve(message)
      })
    })
  }
}

/** Asks until it is so. */
export async function until(condition, what) {
  for (const end = Date.now() + 15_000; Date.now() < end; ) {
    const found = await condition()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`waited in vain for ${what}`)
}

/** A program of Node that says "listening …"; its end is the test's. */
export async function program(t, file, env) {
  const child = spawn(process.execPath, [file], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  t.after(() => child.kill('SIGKILL'))
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended.then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`)))])
  return {
    line,
    async stop() {
      child.kill('SIGTERM')
      return (await ended)[0]
    },
  }
}
