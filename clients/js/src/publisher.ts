// The publisher: reads the broker's requests, and speaks to the broker at any other time.
import { type ControlCommand, MEDIA_TYPE, encodeBody, encodeCommand } from './commands.js'
import type { SlipSocketConnection } from './connection.js'
import { SlipRequestError, invalid } from './errors.js'
import type { JsonValue } from './json.js'
import { type Incoming, SlipSocketRequest, readBody } from './request.js'
import {
  Channels,
  Connections,
  DeadLetters,
  type Edge,
  type ListOptions,
  type Listing,
  type Process,
  Resources,
  type Status,
} from './resources.js'
import { TokenSigner, isFromBroker, readSecrets } from './token.js'
import { type CallOptions, TIMER_MS_MAX, Transport } from './transport.js'

const TIMEOUT_MS = 10_000
const RETRY_LIMIT_MS = 10_000
const ATTEMPTS = 4
const ATTEMPTS_MAX = 100
const BODY_LIMIT = 16 * 1024 * 1024

/** What a publisher needs, and may be told. */
export interface PublisherOptions<Binary extends boolean = false> {
  /** Where control listens: the output `slip-sockets.controlApi`. */
  controlApi: string | URL
  /**
   * As the broker has it. While a secret is being replaced there are several, in a list or separated
   * by commas; the first signs.
   */
  jwtSecret: string | readonly string[]
  /**
   * Whether binary messages are taken: true puts BINARY events among the others. Otherwise a client
   * that sends one is closed with 1003 (RFC 6455 §7.4.1).
   */
  binary?: Binary
  /** Longest body of a webhook request in bytes; 16 MiB. */
  bodyLimit?: number
  /** Of one attempt to reach control; 10 s. The time-out of a POLL_FOR_CONNECTION is added. */
  timeoutMs?: number
  /** Most attempts, 1 to 100; 4. */
  attempts?: number
  /** A Retry-After that is longer is not waited for; 10 s. */
  retryLimitMs?: number
  /** Instead of the runtime's own. */
  fetch?: typeof fetch
}

function number(name: string, value: number | undefined, fallback: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !(value >= least && value <= most)) throw invalid(`${name} is out of range`)
  return value
}

function readAddress(controlApi: string | URL): URL {
  let url: URL
  try {
    url = new URL(String(controlApi))
  } catch (error) {
    throw invalid('controlApi is no address', error)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalid('controlApi is no http:// or https:// address')
  if (url.username || url.password) throw invalid('controlApi holds a name or a password')
  url.hash = ''
  return url
}

/** One for a backend is enough; it has no state but a token. */
export class SlipSocketPublisher<Binary extends boolean = false> {
  /** Connections: list, read, send, close, subscribe. */
  readonly connections: Connections
  /** Channels: list, count, members, publish, close. */
  readonly channels: Channels
  /** What could not be delivered: list, read, replay, discard. */
  readonly deadLetters: DeadLetters
  /** Longest body of a webhook request. */
  readonly bodyLimit: number

  readonly #address: URL
  readonly #secrets: readonly Uint8Array[]
  readonly #takesBinary: boolean
  readonly #transport: Transport
  readonly #resources: Resources

  constructor(options: PublisherOptions<Binary>) {
    this.#address = readAddress(options.controlApi)
    this.#secrets = readSecrets(options.jwtSecret)
    this.#takesBinary = options.binary ?? false
    this.bodyLimit = number('bodyLimit', options.bodyLimit, BODY_LIMIT, 1)
    this.#transport = new Transport(new TokenSigner(this.#secrets[0]!), {
      timeoutMs: number('timeoutMs', options.timeoutMs, TIMEOUT_MS, 1, TIMER_MS_MAX),
      attempts: number('attempts', options.attempts, ATTEMPTS, 1, ATTEMPTS_MAX),
      retryLimitMs: number('retryLimitMs', options.retryLimitMs, RETRY_LIMIT_MS, 0, TIMER_MS_MAX),
      fetch: options.fetch ?? ((...request) => fetch(...request)),
    })
    this.#resources = new Resources(this.#transport, this.#address.origin + this.#address.pathname.replace(/\/+$/, ''))
    this.connections = new Connections(this.#resources)
    this.channels = new Channels(this.#resources)
    this.deadLetters = new DeadLetters(this.#resources)
  }

  /**
   * Reads a webhook's request about one connection. Null when the token is not the broker's: answer 403.
   * Throws SlipRequestError when the body is not what the broker sends, or is about several connections.
   */
  async parseRequest<Metadata = JsonValue>(request: Request): Promise<SlipSocketConnection<Metadata, Binary> | null> {
    const parsed = await this.parseRequests<Metadata>(request)
    if (parsed && parsed.connections.length > 1)
      throw new SlipRequestError(400, 'The request is about several connections: use parseRequests()')
    return parsed?.connections[0] ?? null
  }

  /** Reads a webhook's request of either form: about one connection or several. Null as above. */
  parseRequests<Metadata = JsonValue>(request: Request): Promise<SlipSocketRequest<Metadata, Binary> | null> {
    return this.receive({
      authorization: request.headers.get('authorization'),
      idempotencyKey: request.headers.get('idempotency-key'),
      body: () => readBody(request, this.bodyLimit),
    })
  }

  /** The same for any other HTTP server: tell what it received. */
  async receive<Metadata = JsonValue>(incoming: Incoming): Promise<SlipSocketRequest<Metadata, Binary> | null> {
    if (!(await isFromBroker(incoming.authorization, this.#secrets))) return null
    const body = typeof incoming.body === 'function' ? await incoming.body() : incoming.body
    if (body.length > this.bodyLimit) throw new SlipRequestError(413, 'Body too large')
    return new SlipSocketRequest<Metadata, Binary>(body, incoming.idempotencyKey ?? null, this.#takesBinary)
  }

  /**
   * Sends commands in one request, to be carried out in their order. Done: every edge concerned has
   * applied them. Commands to connections that are gone have no effect and are no error.
   */
  async send(events: ControlCommand | readonly ControlCommand[], options?: CallOptions): Promise<void> {
    const commands = Array.isArray(events) ? (events as readonly ControlCommand[]) : [events as ControlCommand]
    const body = encodeBody(commands.map((command) => encodeCommand(command, 'CONTROL')))
    const waitMs = commands.reduce((sum, command) => sum + (command.type === 'POLL_FOR_CONNECTION' ? command.timeout ?? 0 : 0), 0)
    await this.#transport.call({ method: 'POST', url: this.#address.href, contentType: MEDIA_TYPE, body, waitMs }, options)
  }

  /** Figures of the stack. */
  status(options?: CallOptions): Promise<Status> {
    return this.#resources.call('GET', '/v1/status', undefined, options)
  }

  /** The broker's processes, their links and figures, at this moment. */
  async processes(options?: CallOptions): Promise<Process[]> {
    const { items } = await this.#resources.call<{ items: Process[] }>('GET', '/v1/processes', undefined, options)
    return items
  }

  /** The edges that live, and those that ended within the last day. */
  edges(options: ListOptions = {}): Listing<Edge> {
    return this.#resources.list('/v1/edges', {}, options)
  }
}
