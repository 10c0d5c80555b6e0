import type { JsonValue } from '../json.js'
import type { SlipSocketPublisher } from '../publisher.js'
import type { ConnectionHandler } from './handler.js'
import { type NodeRequest, type NodeResponse, answerToNode, writeAnswer } from './node.js'

/**
 * For Express: `app.post('/events', expressHandler(publisher, (connection) => { … }))`. Works with and
 * without body parsers in front. What your code throws goes to Express's error handlers.
 */
export function expressHandler<Metadata = JsonValue, Binary extends boolean = false>(
  publisher: SlipSocketPublisher<Binary>,
  handler: ConnectionHandler<Metadata, Binary>,
): (request: NodeRequest, response: NodeResponse, next: (error?: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    try {
      writeAnswer(request, response, await answerToNode(publisher, request, handler))
    } catch (error) {
      next(error)
    }
  }
}
