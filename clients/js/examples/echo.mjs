// A whole backend on Node alone: it says everything back, and publishes it to a channel.
//
//   POST /          the broker's events
//   POST /announce  the body goes to everybody, by control's REST API
//
// Environment: JWT_SECRET, PORT (3000; 0: any free one, which is printed), CONTROL_API
// (http://127.0.0.1:8081: the output slip-sockets.controlApi).
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { SlipError, SlipSocketPublisher, nodeHandler } from 'slip-sockets-client'

const CHANNEL = 'everybody'

const { PORT = '3000', JWT_SECRET = '', CONTROL_API = 'http://127.0.0.1:8081' } = process.env
const publisher = new SlipSocketPublisher({ controlApi: CONTROL_API, jwtSecret: JWT_SECRET, binary: true })

function onEvent(connection, event) {
  switch (event.type) {
    case 'OPEN':
      connection.accept()
      connection.subscribe(CHANNEL)
      connection.sendText('hello')
      break
    case 'TEXT':
      if (event.data === 'quit') {
        connection.close(4000, 'as you wish')
        break
      }
      connection.sendText(event.data)
      connection.publishText(CHANNEL, event.data)
      break
    case 'BINARY':
      connection.sendBinary(event.data)
      break
    case 'CLOSE':
      connection.publishText(CHANNEL, 'somebody left')
      break
  }
}

const webhook = nodeHandler(publisher, (connection) => {
  for (const event of connection.inEvents) onEvent(connection, event)
})

async function announce(request, response) {
  try {
    await publisher.channels.publishText(CHANNEL, await text(request))
    response.end('announced')
  } catch (error) {
    if (!(error instanceof SlipError)) throw error
    response.writeHead(502).end(error.message)
  }
}

const server = createServer((request, response) => (request.url === '/announce' ? announce : webhook)(request, response))
server.keepAliveTimeout = 65_000 // the broker keeps its connections; let it be the one to close
server.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on port ${server.address().port}`))
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    server.close(() => process.exit(0))
    server.closeAllConnections()
  })
