// A webhook's request as a whole: about one connection, or several.
import { MEDIA_TYPE, encodeBody } from './commands.js'
import { SlipSocketConnection } from './connection.js'
import { SlipRequestError } from './errors.js'
import { parseBody } from './events.js'
import type { JsonValue } from './json.js'

/** What the library wants to know of a request, from any HTTP server. */
export interface Incoming {
  /** The header field Authorization. */
  authorization: string | null | undefined
  /** The header field Idempotency-Key. */
  idempotencyKey?: string | null | undefined
  /** The body, or how to read it; it is not read before the token was found good. */
  body: string | Uint8Array | (() => Promise<string | Uint8Array>)
}

/** A request; the answers of its connections go together. */
export class SlipSocketRequest<Metadata = JsonValue, Binary extends boolean = boolean> {
  /** At least one. Several only with WEBHOOK_BATCH_CONNECTIONS above 1. */
  readonly connections: readonly SlipSocketConnection<Metadata, Binary>[]
  #body: string | null = null

  /** Made by `SlipSocketPublisher.parseRequests()`. */
  constructor(body: string | Uint8Array, idempotencyKey: string | null, takesBinary: boolean) {
    const items = parseBody(body, idempotencyKey)
    this.connections = items.map((item) => new SlipSocketConnection<Metadata, Binary>(this, item, takesBinary))
  }

  /** Whether the answer was made: nothing can be added any more. */
  get isEnded(): boolean {
    return this.#body !== null
  }

  /** The answer's body: status 200, Content-Type `application/websocket-events`. */
  endBody(): string {
    this.#body ??= encodeBody(this.connections.flatMap((connection) => connection.encodedCommands()))
    return this.#body
  }

  /** The answer. */
  endResponse(): Response {
    return new Response(this.endBody(), { status: 200, headers: { 'Content-Type': MEDIA_TYPE } })
  }
}

/** Gathers parts up to a limit. */
export class BodyParts {
  readonly #parts: Uint8Array[] = []
  #length = 0

  constructor(private readonly limit: number) {}

  add(part: Uint8Array): void {
    this.#length += part.length
    this.check(this.#length)
    this.#parts.push(part)
  }

  check(length: number): void {
    if (length > this.limit) throw new SlipRequestError(413, 'Body too large')
  }

  join(): Uint8Array {
    const whole = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }
}

/** The body of a fetch-style request, of at most `limit` bytes. */
export async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  const parts = new BodyParts(limit)
  parts.check(Number(request.headers.get('content-length') ?? 0))
  if (!request.body) {
    // Empty; or a runtime that does not show its streams.
    parts.add(new Uint8Array(await request.arrayBuffer()))
    return parts.join()
  }
  const reader = request.body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return parts.join()
      parts.add(value)
    }
  } catch (error) {
    void reader.cancel().catch(() => {})
    throw error
  }
}
