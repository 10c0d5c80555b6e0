// Commands: what a backend wants done. The table below is common/contract/commands.def; a test
// compares them.
import type { Bytes } from './base64.js'
import { invalid } from './errors.js'
import { type JsonValue, metadataToJson, toJson } from './json.js'
import * as rules from './rules.js'

/** Fields of an HTTP answer that a backend sets. */
export type HeaderFields = Record<string, string | string[]>

/** In the answer to OPEN: lets the client in. */
export interface AcceptCommand {
  type: 'ACCEPT'
  connectionId: string
  subprotocol?: string | undefined
  headers?: HeaderFields | undefined
}
/** Closes an open connection (`code`, `reason`), or refuses an opening one (`status`, `headers`, `body`). */
export interface CloseCommand {
  type: 'CLOSE'
  connectionId: string
  code?: number | undefined
  reason?: string | undefined
  status?: number | undefined
  headers?: HeaderFields | undefined
  body?: string | undefined
}
/** A text message to a connection. */
export interface TextCommand {
  type: 'TEXT'
  connectionId: string
  data: string
}
/** A binary message to a connection; a string is base64. */
export interface BinaryCommand {
  type: 'BINARY'
  connectionId: string
  data: Bytes | string
}
/** Makes a connection a member of a channel, or ends that; idempotent. */
export interface SubscriptionCommand {
  type: 'SUBSCRIBE' | 'UNSUBSCRIBE'
  connectionId: string
  channel: string
}
/** Replaces a connection's metadata. */
export interface SetMetadataCommand {
  type: 'SET_METADATA'
  connectionId: string
  metadata: JsonValue
}
/** A text message to every member of a channel. */
export interface PublishTextCommand {
  type: 'PUBLISH_TEXT'
  channelId: string
  data: string
}
/** A binary message to every member of a channel; a string is base64. */
export interface PublishBinaryCommand {
  type: 'PUBLISH_BINARY'
  channelId: string
  data: Bytes | string
}
/** Closes every member of a channel. */
export interface CloseChannelCommand {
  type: 'CLOSE_CHANNEL'
  channelId: string
  code?: number | undefined
  reason?: string | undefined
}
/** Waits until a connection is open, at most `timeout` milliseconds, before the next command. */
export interface PollForConnectionCommand {
  type: 'POLL_FOR_CONNECTION'
  connectionId: string
  timeout?: number | undefined
}

/** What may stand in an answer and in what is sent to control alike. */
export type CommonCommand =
  | CloseCommand
  | TextCommand
  | BinaryCommand
  | SubscriptionCommand
  | SetMetadataCommand
  | PublishTextCommand
  | PublishBinaryCommand
  | CloseChannelCommand

/** What `SlipSocketPublisher.send()` takes. */
export type ControlCommand = CommonCommand | PollForConnectionCommand

/** Any command. */
export type Command = ControlCommand | AcceptCommand

/** Where a command may stand. */
export type CommandPlace = 'ANSWER' | 'CONTROL'

type Field = keyof typeof checks

const checks = {
  connectionId: rules.connectionId,
  channel: rules.channel,
  channelId: rules.channel,
  data: rules.data,
  metadata: (value: unknown) => value,
  code: rules.code,
  reason: rules.reason,
  status: rules.status,
  subprotocol: rules.subprotocol,
  headers: rules.headers,
  body: rules.body,
  timeout: rules.timeout,
}

interface Form {
  where: readonly CommandPlace[]
  required: readonly Field[]
  optional: readonly Field[]
}

const BOTH = ['ANSWER', 'CONTROL'] as const

/** Which commands there are, where they may stand, and with which fields. */
export const COMMANDS: Record<Command['type'], Form> = {
  ACCEPT: { where: ['ANSWER'], required: ['connectionId'], optional: ['subprotocol', 'headers'] },
  CLOSE: { where: BOTH, required: ['connectionId'], optional: ['code', 'reason', 'status', 'headers', 'body'] },
  TEXT: { where: BOTH, required: ['connectionId', 'data'], optional: [] },
  BINARY: { where: BOTH, required: ['connectionId', 'data'], optional: [] },
  SUBSCRIBE: { where: BOTH, required: ['connectionId', 'channel'], optional: [] },
  UNSUBSCRIBE: { where: BOTH, required: ['connectionId', 'channel'], optional: [] },
  SET_METADATA: { where: BOTH, required: ['connectionId', 'metadata'], optional: [] },
  PUBLISH_TEXT: { where: BOTH, required: ['channelId', 'data'], optional: [] },
  PUBLISH_BINARY: { where: BOTH, required: ['channelId', 'data'], optional: [] },
  CLOSE_CHANNEL: { where: BOTH, required: ['channelId'], optional: ['code', 'reason'] },
  POLL_FOR_CONNECTION: { where: ['CONTROL'], required: ['connectionId'], optional: ['timeout'] },
}

/** The bodies' media type. */
export const MEDIA_TYPE = 'application/websocket-events'

/** The JSON of one command, checked: what is changed in it later is not sent. */
export function encodeCommand(command: Command, place: CommandPlace): string {
  const { type } = command
  const form = Object.hasOwn(COMMANDS, type) ? COMMANDS[type] : undefined
  if (!form?.where.includes(place)) throw invalid(`${String(type)} is no command for ${place === 'ANSWER' ? 'an answer' : 'control'}`)
  const given = command as unknown as Record<string, unknown>
  const isBinary = type === 'BINARY' || type === 'PUBLISH_BINARY'
  const members = [`"type":"${type}"`]
  for (const field of [...form.required, ...form.optional]) {
    const value = given[field]
    if (value === undefined || (value === null && field !== 'metadata')) {
      if (form.required.includes(field)) throw invalid(`${type}: ${field} is missing`)
      continue
    }
    if (field === 'metadata') members.push(`"metadata":${metadataToJson(value)}`)
    else members.push(`"${field}":${toJson(isBinary && field === 'data' ? rules.binaryData(value) : checks[field](value))}`)
  }
  return `{${members.join(',')}}`
}

/** A whole body. */
export function encodeBody(commands: readonly string[]): string {
  return `{"events":[${commands.join(',')}]}`
}
