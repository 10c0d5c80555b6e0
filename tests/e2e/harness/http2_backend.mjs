// A backend that speaks HTTP/2 over TLS: accepts every connection and echoes every text.
//   node http2_backend.mjs KEY CERTIFICATE      prints its port, and what it saw for each
//                                              line of input
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'

const [key, cert] = process.argv.slice(2).map((path) => readFileSync(path))
const statistics = { sessions: 0, streams: 0, most: 0, keys: 0 }
let open = 0

const server = createSecureServer({ key, cert })
server.on('session', () => statistics.sessions++)
server.on('stream', (stream, headers) => {
  const parts = []
  statistics.most = Math.max(statistics.most, ++open)
  stream.on('close', () => open--)
  stream.on('error', () => {})
  stream.on('data', (part) => parts.push(part))
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' })
    statistics.streams++
    if (headers['idempotency-key']) statistics.keys++
    // Later, so that requests overlap.
    setTimeout(() => stream.end(JSON.stringify(answer(JSON.parse(Buffer.concat(parts))))), 20)
  })
})

function answer({ events }) {
  return {
    events: events.flatMap(({ type, connectionId, data }) => {
      if (type === 'OPEN') return [{ type: 'ACCEPT', connectionId }]
      if (type === 'TEXT') return [{ type: 'TEXT', connectionId, data }]
      return []
    }),
  }
}

process.stdin.on('data', () => console.log(JSON.stringify(statistics)))
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
