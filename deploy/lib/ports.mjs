// Finds TCP ports for deploy/up.
//
//   node ports.mjs REQUEST...    prints one free port for each request, all different
//
//   [NAME=]HOST:PORT    this one; port 0 is any. When it cannot be listened on: exit code 1, and
//                       "[NAME=]HOST:PORT: reason" is printed instead
//   HOST:PORT+          this one, or the first free one behind it
//
// All are found together and held until the last is: two calls could find the same port twice,
// while nobody listens on it yet.
import { createServer } from 'node:net'

// Below the range from which the kernel lends, so that a restarted program finds its own.
const LOWEST = 20000
const HIGHEST = 32000

const REASONS = {
  EADDRINUSE: 'the port is taken',
  EACCES: 'not allowed',
  EADDRNOTAVAIL: 'no such address here',
  ENOTFOUND: 'no such host'
}

function parse(request) {
  const match = /^(?:\w+=)?(?:\[([^\]]+)\]|([^:=]+)):(\d+)(\+?)$/.exec(request)
  if (!match || Number(match[3]) > 65535) throw new Error('not host:port')
  return { host: match[1] ?? match[2], port: Number(match[3]), further: match[4] === '+' }
}

function* candidates({ port, further }) {
  if (port === 0) for (let i = 0; i < 10000; i++) yield LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
  else if (further) for (; port < 65536; port++) yield port
  else yield port
}

function listen(port, host) {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => resolve(server))
  })
}

async function take(request) {
  const wanted = parse(request)
  let problem
  for (const port of candidates(wanted)) {
    try {
      return await listen(port, wanted.host)
    } catch (error) {
      problem = error
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') break
    }
  }
  throw problem
}

const held = []
for (const request of process.argv.slice(2)) {
  try {
    held.push(await take(request))
  } catch (error) {
    console.log(`${request}: ${REASONS[error.code] ?? error.message}`)
    process.exitCode = 1
    break
  }
}
if (!process.exitCode) for (const server of held) console.log(server.address().port)
for (const server of held) server.close()
