// Finds TCP ports for deploy/up.
//
//   node ports.mjs free COUNT            that many free ones of 127.0.0.1, below the range from which
//                                        the kernel lends, so that a restarted program finds its own
//   node ports.mjs check HOST:PORT       exit code 1 and the reason when it cannot be listened on
//   node ports.mjs next HOST:PORT COUNT  the first COUNT free ones from PORT on
import { createServer } from 'node:net'

const LOWEST = 15000
const HIGHEST = 32000

function listen(port, host) {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => resolve(server))
  })
}

function split(address) {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address)
  if (!match || Number(match[3]) > 65535) throw new Error('not host:port')
  return { host: match[1] ?? match[2], port: Number(match[3]) }
}

async function take(host, candidates, count) {
  const servers = []
  for (const port of candidates) {
    if (servers.length === count) break
    const server = await listen(port, host).catch(() => undefined)
    if (server) servers.push(server)
  }
  if (servers.length < count) throw new Error('no free ports')
  for (const server of servers) console.log(server.address().port)
  for (const server of servers) server.close()
}

function* random() {
  for (let i = 0; i < 10000; i++) yield LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
}

function* from(port) {
  for (; port < 65536; port++) yield port
}

const [command, address, count] = process.argv.slice(2)
try {
  if (command === 'free') await take('127.0.0.1', random(), Number(address))
  if (command === 'next') await take(split(address).host, from(split(address).port), Number(count))
  if (command === 'check') (await listen(split(address).port, split(address).host)).close()
} catch (error) {
  const reasons = { EADDRINUSE: 'the port is taken', EACCES: 'not allowed', EADDRNOTAVAIL: 'no such address here', ENOTFOUND: 'no such host' }
  console.log(reasons[error.code] ?? error.message)
  process.exitCode = 1
}
