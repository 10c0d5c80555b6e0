import type { JsonValue } from '../json.js'
import type { SlipSocketPublisher } from '../publisher.js'
import { BodyParts } from '../request.js'
import { type Answer, type ConnectionHandler, FAILED, type HandlerOptions, answerTo } from './handler.js'

/** What is used of http.IncomingMessage, or Express's request. */
export interface NodeRequest {
  method?: string | undefined
  headers: Record<string, string | string[] | undefined>
  complete: boolean
  httpVersionMajor: number
  readableDidRead: boolean
  iterator(options: { destroyOnReturn: boolean }): AsyncIterableIterator<unknown>
  /** What a body parser in front has left. */
  body?: unknown
}

/** What is used of http.ServerResponse, or Express's response. */
export interface NodeResponse {
  setHeader(name: string, value: string): unknown
  writeHead(status: number, headers: Record<string, string>): unknown
  end(body: string): unknown
}

const encoder = new TextEncoder()

async function readStream(request: NodeRequest, limit: number): Promise<Uint8Array> {
  const parts = new BodyParts(limit)
  parts.check(Number(request.headers['content-length'] ?? 0))
  // Leaving early must not destroy the request: its connection still carries the answer.
  for await (const part of request.iterator({ destroyOnReturn: false }))
    parts.add(typeof part === 'string' ? encoder.encode(part) : (part as Uint8Array))
  return parts.join()
}

/** The body, also when a parser in front has read it. */
async function readBody(request: NodeRequest, limit: number): Promise<string | Uint8Array> {
  const { body } = request
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  if (!request.readableDidRead) return readStream(request, limit)
  if (body !== null && typeof body === 'object') return JSON.stringify(body)
  throw new Error('the body of the request was read before, and not kept in request.body')
}

/** One field; Node gives a list only for those that may come more than once. */
const field = (request: NodeRequest, name: string): string | null => {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}

/** The answer to a Node request. */
export function answerToNode<Metadata, Binary extends boolean>(
  publisher: SlipSocketPublisher<Binary>,
  request: NodeRequest,
  handler: ConnectionHandler<Metadata, Binary>,
): Promise<Answer> {
  const incoming = {
    authorization: field(request, 'authorization'),
    idempotencyKey: field(request, 'idempotency-key'),
    body: () => readBody(request, publisher.bodyLimit),
  }
  return answerTo(publisher, request.method, incoming, handler)
}

/** Writes an answer. */
export function writeAnswer(request: NodeRequest, response: NodeResponse, { status, headers, body }: Answer): void {
  // What was not read is not waited for. HTTP/2 has streams for that, and no such field.
  if (!request.complete && request.httpVersionMajor === 1) response.setHeader('Connection', 'close')
  response.writeHead(status, { ...headers, 'Content-Length': String(encoder.encode(body).length) })
  response.end(body)
}

/**
 * For node:http and what is built like it:
 * `createServer(nodeHandler(publisher, (connection) => { … }))`. It answers all paths alike, and
 * never throws: what your code throws goes to `onError`, and is answered 500.
 */
export function nodeHandler<Metadata = JsonValue, Binary extends boolean = false>(
  publisher: SlipSocketPublisher<Binary>,
  handler: ConnectionHandler<Metadata, Binary>,
  options: HandlerOptions = {},
): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  const { onError = (error: unknown) => console.error(error) } = options
  return async (request, response) => {
    const answer = await answerToNode(publisher, request, handler).catch((error: unknown) => {
      onError(error)
      return FAILED
    })
    writeAnswer(request, response, answer)
  }
}
