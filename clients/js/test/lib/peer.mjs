// The broker's own reader of commands and writer of events, as a process (tests/contract/contract_peer.c).
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
export const BUILD = process.env.SLIP_BUILD ?? join(ROOT, 'build-test')

const number = (value) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export class Peer {
  #process = spawn(join(BUILD, 'tests/contract/contract-peer'), { stdio: ['pipe', 'pipe', 'inherit'] })
  #received = Buffer.alloc(0)
  #waiting = []

  constructor() {
    this.#process.stdout.on('data', (data) => this.#read(data))
    this.#process.on('close', (code) => {
      for (const { reject } of this.#waiting) reject(new Error(`contract-peer ended with ${code}`))
    })
    this.#process.stdin.on('error', () => {}) // its end is told by close
  }

  end() {
    this.#process.stdin.end()
  }

  /** [verdict, text] */
  ask(...fields) {
    const parts = [number(fields.length)]
    for (const field of fields) {
      const bytes = Buffer.from(field)
      parts.push(number(bytes.length), bytes)
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#process.stdin.write(Buffer.concat(parts))
    })
  }

  /** What the broker understands; throws when it does not. */
  async commands(verb, body, ...connections) {
    const [verdict, text] = await this.ask(verb, body, ...connections)
    if (verdict !== 'ok') throw new Error(`the broker refuses it: ${text}`)
    return JSON.parse(text)
  }

  #read(data) {
    this.#received = Buffer.concat([this.#received, data])
    for (;;) {
      const fields = []
      let at = 4
      while (fields.length < 2 && this.#received.length >= at + 4) {
        const length = this.#received.readUInt32BE(at)
        if (this.#received.length < at + 4 + length) return
        fields.push(this.#received.toString('utf8', at + 4, at + 4 + length))
        at += 4 + length
      }
      if (fields.length < 2) return
      this.#received = this.#received.subarray(at)
      this.#waiting.shift().resolve(fields)
    }
  }
}
