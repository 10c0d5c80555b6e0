// What all handlers do with a request, whatever the server is.
import { MEDIA_TYPE } from '../commands.js'
import type { SlipSocketConnection } from '../connection.js'
import { SlipRequestError } from '../errors.js'
import type { JsonValue } from '../json.js'
import type { SlipSocketPublisher } from '../publisher.js'
import type { Incoming } from '../request.js'

/**
 * Your code: called for each connection of a request. Several connections in one request are handled
 * at the same time, and answered together when all are done.
 */
export type ConnectionHandler<Metadata = JsonValue, Binary extends boolean = boolean> = (
  connection: SlipSocketConnection<Metadata, Binary>,
) => unknown

/** Of the handlers. */
export interface HandlerOptions {
  /** Told what your code threw, before 500 is answered; the console when not given. */
  onError?: (error: unknown) => void
}

/** An answer, for any server. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: string
}

/** An answer in plain text. */
export function textAnswer(status: number, body: string, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body }
}

/** 500: the broker asks again later. */
export const FAILED = textAnswer(500, 'Internal error')

const NOT_ALLOWED = textAnswer(405, 'Method not allowed', { Allow: 'POST' })

/**
 * The answer to a request. Throws what your code threw, when all connections are done: nothing goes on
 * behind an answer.
 */
export async function answerTo<Metadata, Binary extends boolean>(
  publisher: SlipSocketPublisher<Binary>,
  method: string | undefined,
  incoming: Incoming,
  handler: ConnectionHandler<Metadata, Binary>,
): Promise<Answer> {
  if (method !== 'POST') return NOT_ALLOWED
  try {
    const request = await publisher.receive<Metadata>(incoming)
    if (!request) return textAnswer(403, 'Invalid token')
    const done = await Promise.allSettled(request.connections.map(async (connection) => handler(connection)))
    const failed = done.find((one) => one.status === 'rejected')
    if (failed) throw new HandlerFailure(failed.reason)
    return { status: 200, headers: { 'Content-Type': MEDIA_TYPE }, body: request.endBody() }
  } catch (error) {
    if (error instanceof HandlerFailure) throw error.reason
    if (error instanceof SlipRequestError) return textAnswer(error.status, error.message)
    throw error
  }
}

/** Keeps what your code threw apart from what is wrong with the request. */
class HandlerFailure {
  constructor(readonly reason: unknown) {}
}
