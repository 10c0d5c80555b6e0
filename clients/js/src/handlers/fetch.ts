import type { JsonValue } from '../json.js'
import type { SlipSocketPublisher } from '../publisher.js'
import { readBody } from '../request.js'
import { type ConnectionHandler, FAILED, type HandlerOptions, answerTo } from './handler.js'

/**
 * For frameworks whose handlers take a Request and return a Response (Next.js, Remix, Hono, Deno, Bun,
 * workers): `export const POST = fetchHandler(publisher, (connection) => { … })`. What your code throws
 * is the framework's, unless there is an `onError`: then 500 is answered.
 */
export function fetchHandler<Metadata = JsonValue, Binary extends boolean = false>(
  publisher: SlipSocketPublisher<Binary>,
  handler: ConnectionHandler<Metadata, Binary>,
  options: HandlerOptions = {},
): (request: Request) => Promise<Response> {
  return async (request) => {
    const incoming = {
      authorization: request.headers.get('authorization'),
      idempotencyKey: request.headers.get('idempotency-key'),
      body: () => readBody(request, publisher.bodyLimit),
    }
    const { status, headers, body } = await answerTo(publisher, request.method, incoming, handler).catch((error: unknown) => {
      if (!options.onError) throw error
      options.onError(error)
      return FAILED
    })
    return new Response(body, { status, headers })
  }
}
