// The resources under /v1: single commands, which unlike a list of them say when there is no such
// connection, and readings.
import { type Bytes, fromBase64 } from './base64.js'
import { SlipError, invalid, slipError } from './errors.js'
import type { JsonValue } from './json.js'
import { toJson } from './json.js'
import * as rules from './rules.js'
import type { CallOptions, Transport } from './transport.js'

const SILENCE_MS = 45_000

/** A connection, as the broker's tables say. Times are those of RFC 3339. */
export interface ConnectionInfo {
  connectionId: string
  /** `opening` until the backend accepts; `closing` until it has taken CLOSE. */
  state: 'opening' | 'open' | 'closing'
  edge: string
  ip: string | null
  path: string | null
  createdAt: string
  openedAt: string | null
  metadata: JsonValue
  channels: string[]
}

/** A channel that has members. */
export interface ChannelInfo {
  channel: string
  members: number
}

/** A member of a channel. */
export interface Member {
  connectionId: string
  since: string
}

/** A message to a channel, as who follows it is told. */
export interface Published {
  channel: string
  publishedAt: string
  /** Text as a string, a binary message as bytes. */
  data: string | Uint8Array
}

/** What following a channel tells: a message, or that some may be missing here. */
export type Followed = ({ type: 'message' } & Published) | { type: 'missed' }

/** Of following. */
export interface FollowOptions extends Pick<CallOptions, 'timeoutMs' | 'signal'> {
  /** The broker says something every 15 s: a longer silence is an end; 45 s. */
  silenceMs?: number | undefined
}

/** A process of the broker, and what it is linked to. */
export interface Process {
  role: 'control' | 'edge' | 'router' | 'webhook-worker'
  name: string
  version: string | null
  /** Seconds of its own clock, for rates. */
  clock: number | null
  metrics: Record<string, number> | null
  links: { role: 'control' | 'router'; name: string; silentMs: number; bufferedBytes: number }[]
}

/** A process that holds clients' sockets. */
export interface Edge {
  edge: string
  state: 'live' | 'leaving' | 'expired' | 'left'
  address: string
  homeRouter: string
  startedAt: string
  endedAt: string | null
  connections: number
}

/** A batch of events that could not be delivered. */
export interface DeadLetter {
  id: number
  state: 'waiting' | 'replayed'
  idempotencyKey: string
  connectionId: string
  kind: 'events' | 'close'
  eventCount: number
  attempts: number
  lastStatus: number | null
  lastError: string
  createdAt: string
  replayRequestedAt: string | null
  replayFailedAt: string | null
  replayedAt: string | null
}

/** A dead letter with all that a replay says. */
export interface WholeDeadLetter extends DeadLetter {
  firstSequence: number
  lastSequence: number
  metadata: JsonValue
  events: Record<string, JsonValue>[]
}

/** Figures of the stack. */
export interface Status {
  edges: number
  connections: { opening: number; open: number; closing: number }
  subscriptions: number
  channels: number
  deadLetters: number
}

/** One page of a listing. */
export interface Page<T> {
  items: T[]
  /** The cursor of the next page; null on the last one. */
  next: string | null
}

/** Of a listing. */
export interface ListOptions extends Pick<CallOptions, 'timeoutMs' | 'signal'> {
  /** Most entries in one page; the broker's PAGE_LIMIT when not given. */
  pageSize?: number | undefined
  /** Where to begin: `next` of a page. */
  cursor?: string | undefined
}

/** A message's options: see {@link CallOptions}. */
export type CommandOptions = CallOptions

/** Of closing. */
export interface CloseOptions extends CallOptions {
  /** 1000 when not given. */
  code?: number | undefined
  /** Up to 123 bytes. */
  reason?: string | undefined
}

type Query = Record<string, string | number | undefined>

/** A listing, read page by page while it is walked: `for await (const each of listing)`. */
export class Listing<T> implements AsyncIterable<T> {
  /** Made by the resources. */
  constructor(
    private readonly read: (cursor: string | undefined) => Promise<Page<T>>,
    private readonly start: string | undefined,
  ) {}

  /** Page by page. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let cursor = this.start
    do {
      const page = await this.read(cursor)
      yield page
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
  }

  /** Entry by entry. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.items
  }
}

/**
 * A segment of dots alone is taken for a step in the path (RFC 3986 §5.2.4), also when it is encoded:
 * nobody can be asked for it.
 */
function segment(text: string): string {
  if (text === '.' || text === '..') throw invalid(`${text} cannot stand in a path; use send()`)
  return encodeURIComponent(text)
}

const ofConnection = (connectionId: string) => `/v1/connections/${segment(rules.connectionId(connectionId))}`
const ofChannel = (channel: string) => `/v1/channels/${segment(rules.channel(channel))}`

function ofDeadLetter(id: number): string {
  if (!Number.isSafeInteger(id) || id < 1) throw invalid('id is no number of a dead letter')
  return `/v1/dead-letters/${id}`
}

const closeBody = ({ code, reason }: CloseOptions) => ({
  ...(code !== undefined && { code: rules.code(code) }),
  ...(reason !== undefined && { reason: rules.reason(reason) }),
})

function followed(type: string, data: string): Followed {
  if (type === 'missed') return { type }
  try {
    const { channel, publishedAt, data: said, binary } = JSON.parse(data) as { channel: string; publishedAt: string; data: string; binary?: true }
    return { type: 'message', channel, publishedAt, data: binary ? fromBase64(said) ?? said : said }
  } catch (error) {
    throw slipError('unexpected', 'the message is not JSON', { cause: error })
  }
}

/** Calls by path and JSON. */
export class Resources {
  constructor(
    private readonly transport: Transport,
    private readonly base: string,
  ) {}

  async call<T>(method: string, path: string, body?: unknown, options?: CallOptions): Promise<T> {
    const { answer } = await this.transport.call(
      {
        method,
        url: this.base + path,
        ...(body !== undefined && { body: toJson(body), contentType: 'application/json' }),
      },
      options,
    )
    return answer as T
  }

  /** A command: what it is answered tells nothing more. */
  async command(method: string, path: string, body: unknown, options?: CallOptions): Promise<void> {
    await this.call(method, path, body, options)
  }

  lines(path: string, silenceMs: number, options: CallOptions): AsyncGenerator<string, never, undefined> {
    return this.transport.lines(this.base + path, silenceMs, options)
  }

  list<T>(path: string, query: Query, { pageSize, cursor, ...options }: ListOptions): Listing<T> {
    return new Listing<T>((next) => {
      const parameters = new URLSearchParams()
      for (const [name, value] of Object.entries({ ...query, limit: pageSize, cursor: next }))
        if (value !== undefined) parameters.set(name, String(value))
      return this.call<Page<T>>('GET', `${path}?${parameters}`, undefined, options)
    }, cursor)
  }
}

/** Connections: `publisher.connections`. */
export class Connections {
  constructor(private readonly resources: Resources) {}

  /** All connections with their metadata; or those of a channel, an edge, a state. */
  list(
    options: ListOptions & {
      channel?: string | undefined
      edge?: string | undefined
      state?: ConnectionInfo['state'] | undefined
    } = {},
  ): Listing<ConnectionInfo> {
    const { channel, edge, state, ...rest } = options
    return this.resources.list('/v1/connections', { channel, edge, state }, rest)
  }

  /** One of them. */
  get(connectionId: string, options?: CallOptions): Promise<ConnectionInfo> {
    return this.resources.call('GET', ofConnection(connectionId), undefined, options)
  }

  /** A text message. */
  sendText(connectionId: string, data: string, options?: CallOptions): Promise<void> {
    return this.resources.command('POST', `${ofConnection(connectionId)}/messages`, { data: rules.data(data) }, options)
  }

  /** A binary message. */
  sendBinary(connectionId: string, data: Bytes, options?: CallOptions): Promise<void> {
    const body = { data: rules.binaryData(data), binary: true }
    return this.resources.command('POST', `${ofConnection(connectionId)}/messages`, body, options)
  }

  /** Closes it. */
  close(connectionId: string, options: CloseOptions = {}): Promise<void> {
    return this.resources.command('POST', `${ofConnection(connectionId)}/close`, closeBody(options), options)
  }

  /** Replaces its metadata: any JSON. */
  setMetadata(connectionId: string, metadata: unknown, options?: CallOptions): Promise<void> {
    if (metadata === undefined) throw invalid('metadata is missing')
    return this.resources.command('PUT', `${ofConnection(connectionId)}/metadata`, metadata, options)
  }

  /** Makes it a member of a channel. */
  subscribe(connectionId: string, channel: string, options?: CallOptions): Promise<void> {
    return this.resources.command('PUT', this.#membership(connectionId, channel), undefined, options)
  }

  /** Ends its membership. */
  unsubscribe(connectionId: string, channel: string, options?: CallOptions): Promise<void> {
    return this.resources.command('DELETE', this.#membership(connectionId, channel), undefined, options)
  }

  #membership(connectionId: string, channel: string): string {
    return `${ofConnection(connectionId)}/subscriptions/${segment(rules.channel(channel))}`
  }
}

/** Channels: `publisher.channels`. */
export class Channels {
  constructor(private readonly resources: Resources) {}

  /** Channels that have members; or those whose name begins with `prefix`. */
  list(options: ListOptions & { prefix?: string | undefined } = {}): Listing<ChannelInfo> {
    const { prefix, ...rest } = options
    return this.resources.list('/v1/channels', { prefix }, rest)
  }

  /** Its name and number of members, which may be 0. */
  get(channel: string, options?: CallOptions): Promise<ChannelInfo> {
    return this.resources.call('GET', ofChannel(channel), undefined, options)
  }

  /** Its members. */
  members(channel: string, options: ListOptions = {}): Listing<Member> {
    return this.resources.list(`${ofChannel(channel)}/members`, {}, options)
  }

  /**
   * Tells what is published from now on, for looking on: `for await (const each of channels.follow('news'))`.
   * Nothing is kept and nobody waits for the reader. Throws SlipUnreachableError when the broker ends it.
   */
  async *follow(channel: string, options: FollowOptions = {}): AsyncGenerator<Followed, never, undefined> {
    const { silenceMs = SILENCE_MS, ...rest } = options
    let type = 'message'
    let data = ''
    for await (const line of this.resources.lines(`${ofChannel(channel)}/messages`, silenceMs, rest)) {
      if (line.startsWith('event: ')) type = line.slice('event: '.length)
      else if (line.startsWith('data: ')) data += line.slice('data: '.length)
      else if (line === '' && data !== '') {
        yield followed(type, data)
        type = 'message'
        data = ''
      }
    }
    throw slipError('unreachable', 'the broker ended the answer')
  }

  /** A text message to every member. */
  publishText(channel: string, data: string, options?: CallOptions): Promise<void> {
    return this.resources.command('POST', `${ofChannel(channel)}/messages`, { data: rules.data(data) }, options)
  }

  /** A binary message to every member. */
  publishBinary(channel: string, data: Bytes, options?: CallOptions): Promise<void> {
    const body = { data: rules.binaryData(data), binary: true }
    return this.resources.command('POST', `${ofChannel(channel)}/messages`, body, options)
  }

  /** Closes every member. */
  close(channel: string, options: CloseOptions = {}): Promise<void> {
    return this.resources.command('POST', `${ofChannel(channel)}/close`, closeBody(options), options)
  }
}

/** What could not be delivered: `publisher.deadLetters`. */
export class DeadLetters {
  constructor(private readonly resources: Resources) {}

  /** All, the newest first; or those of a connection, or in a state. */
  list(
    options: ListOptions & { connection?: string | undefined; state?: DeadLetter['state'] | undefined } = {},
  ): Listing<DeadLetter> {
    const { connection, state, ...rest } = options
    return this.resources.list('/v1/dead-letters', { connection, state }, rest)
  }

  /** All of one. */
  get(id: number, options?: CallOptions): Promise<WholeDeadLetter> {
    return this.resources.call('GET', ofDeadLetter(id), undefined, options)
  }

  /** Asks for a replay, which is made within a few seconds; get() tells how it ended. */
  replay(id: number, options?: CallOptions): Promise<DeadLetter> {
    return this.resources.call('POST', `${ofDeadLetter(id)}/replay`, undefined, options)
  }

  /** Discards it for good. */
  async discard(id: number, options?: CallOptions): Promise<void> {
    try {
      await this.resources.command('DELETE', ofDeadLetter(id), undefined, options)
    } catch (error) {
      // An attempt whose answer was lost has done it.
      if (!(error instanceof SlipError && error.result === 'not-found' && error.attempts > 1)) throw error
    }
  }
}
