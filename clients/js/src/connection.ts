// One connection in a webhook's request: what happened to it, and what is to be done about it.
//
// Commands gather here in the order of the contract: ACCEPT, then what was queued, in its order, then
// the metadata, then CLOSE. Each is checked and written at the call: a mistake is thrown where it was made.
import type { Bytes } from './base64.js'
import { type Command, type CommonCommand, type HeaderFields, encodeCommand } from './commands.js'
import { invalid } from './errors.js'
import type { InEvent, InEvents, OpenEvent, RequestItem } from './events.js'
import type { JsonValue } from './json.js'
import type { SlipSocketRequest } from './request.js'

const UNSUPPORTED_DATA = 1003 // RFC 6455 §7.4.1

/** Further things that an acceptance can say. */
export interface AcceptOptions {
  /** One that the client offered. */
  subprotocol?: string | undefined
  /** Of the HTTP answer to the handshake. */
  headers?: HeaderFields | undefined
}

/** What a client that is turned away is told. */
export interface RefuseOptions {
  /** 300 to 599; 403 when not given. */
  status?: number | undefined
  /** Text. */
  body?: string | undefined
  headers?: HeaderFields | undefined
}

/**
 * A connection that a request is about. `Metadata` is what you know your metadata to be; `Binary`
 * tells whether binary messages are among the events.
 */
export class SlipSocketConnection<Metadata = JsonValue, Binary extends boolean = boolean> {
  /** Its id, the same in all its requests. */
  readonly connectionId: string
  /** What happened to it, in order. */
  readonly inEvents: readonly InEvents<Binary>[]
  /** Names this batch of events: a repetition of it has the same key. Null if the broker sent none. */
  readonly idempotencyKey: string | null

  readonly #request: SlipSocketRequest<Metadata, Binary>
  readonly #open: OpenEvent | null
  readonly #queue: string[] = []
  #metadata: Metadata
  #accept: string | null = null
  #setMetadata: string | null = null
  #close: string | null = null
  #isRefused = false

  /** Made by `SlipSocketPublisher.parseRequest()`. */
  constructor(request: SlipSocketRequest<Metadata, Binary>, item: RequestItem, takesBinary: boolean) {
    this.#request = request
    this.connectionId = item.connectionId
    this.idempotencyKey = item.idempotencyKey
    this.#metadata = item.metadata as Metadata
    this.#open = item.events.find((event): event is OpenEvent => event.type === 'OPEN') ?? null
    const events: InEvent[] = takesBinary ? item.events : item.events.filter((event) => event.type !== 'BINARY')
    this.inEvents = events as InEvents<Binary>[]
    if (events.length < item.events.length) this.close(UNSUPPORTED_DATA, 'binary messages are not taken here')
  }

  /** What was last set; at first `{headers, ip}` of the handshake. */
  get metadata(): Metadata {
    return this.#metadata
  }

  /** In the answer to OPEN: lets the client in. */
  accept(options: AcceptOptions = {}): void {
    const open = this.#opening('accept')
    if (this.#isRefused) throw invalid('the connection was refused')
    const { subprotocol } = options
    if (subprotocol !== undefined && !open.subprotocols.includes(subprotocol))
      throw invalid(`the client did not offer the subprotocol ${subprotocol}`)
    this.#accept = this.#encode({ ...options, type: 'ACCEPT', connectionId: this.connectionId })
  }

  /** In the answer to OPEN: turns the client away with an HTTP status. */
  refuse(options: RefuseOptions = {}): void {
    this.#opening('refuse')
    if (this.#accept) throw invalid('the connection was accepted')
    const { status, body, headers } = options
    this.#close = this.#encode({ type: 'CLOSE', connectionId: this.connectionId, status, body, headers })
    this.#isRefused = true
  }

  /**
   * Closes the connection, after everything else in the answer, with a code (1000 when not given) and a
   * reason of up to 123 bytes. In the answer to an OPEN that is not accepted it refuses it.
   */
  close(code?: number, reason?: string): void {
    this.#close = this.#encode({ type: 'CLOSE', connectionId: this.connectionId, code, reason })
    this.#isRefused = false
  }

  /** Makes the connection a member of a channel; who is a member stays one. */
  subscribe(channel: string): void {
    this.queue({ type: 'SUBSCRIBE', connectionId: this.connectionId, channel })
  }

  /** Ends the membership; who is none stays none. */
  unsubscribe(channel: string): void {
    this.queue({ type: 'UNSUBSCRIBE', connectionId: this.connectionId, channel })
  }

  /** A text message to this connection. */
  sendText(data: string): void {
    this.queue({ type: 'TEXT', connectionId: this.connectionId, data })
  }

  /** A binary message to this connection. */
  sendBinary(data: Bytes): void {
    this.queue({ type: 'BINARY', connectionId: this.connectionId, data })
  }

  /** A text message to every member of a channel. */
  publishText(channel: string, data: string): void {
    this.queue({ type: 'PUBLISH_TEXT', channelId: channel, data })
  }

  /** A binary message to every member of a channel. */
  publishBinary(channel: string, data: Bytes): void {
    this.queue({ type: 'PUBLISH_BINARY', channelId: channel, data })
  }

  /** Publishes a string as text, and bytes as a binary message. */
  publish(channel: string, data: string | Bytes): void {
    if (typeof data === 'string') this.publishText(channel, data)
    else this.publishBinary(channel, data)
  }

  /** Closes every member of a channel. */
  closeChannel(channel: string, code?: number, reason?: string): void {
    this.queue({ type: 'CLOSE_CHANNEL', channelId: channel, code, reason })
  }

  /** Replaces the metadata, which comes with every later event: any JSON. */
  setMetadata<NewMetadata extends Metadata>(metadata: NewMetadata): void {
    this.#setMetadata = this.#encode({ type: 'SET_METADATA', connectionId: this.connectionId, metadata: metadata as JsonValue })
    this.#metadata = metadata
  }

  /** Adds any commands, for this connection or others, to the answer. */
  queue(...commands: CommonCommand[]): void {
    const encoded = commands.map((command) => {
      if ((command as Command).type === 'ACCEPT') throw invalid('ACCEPT is no command for the queue: use accept()')
      return this.#encode(command)
    })
    this.#queue.push(...encoded)
  }

  /** The answer to the request: return it. Later commands go through the publisher. */
  endResponse(): Response {
    if (this.#request.connections.length > 1)
      throw invalid('the request is about several connections: call endResponse() of the request')
    return this.#request.endResponse()
  }

  /** The commands of the answer, as JSON, in their order. */
  encodedCommands(): string[] {
    return [this.#accept, ...this.#queue, this.#setMetadata, this.#close].filter((one) => one !== null)
  }

  #encode(command: Command): string {
    if (this.#request.isEnded) throw invalid('the request was answered: use the publisher')
    return encodeCommand(command, 'ANSWER')
  }

  #opening(what: string): OpenEvent {
    if (!this.#open) throw invalid(`${what}() belongs in the answer to OPEN`)
    return this.#open
  }
}
