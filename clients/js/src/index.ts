/**
 * Write a backend for slip-sockets: WebSockets by plain HTTP requests.
 *
 * @packageDocumentation
 */
export type { Bytes } from './base64.js'
export type {
  AcceptCommand,
  BinaryCommand,
  CloseChannelCommand,
  CloseCommand,
  Command,
  CommonCommand,
  ControlCommand,
  HeaderFields,
  PollForConnectionCommand,
  PublishBinaryCommand,
  PublishTextCommand,
  SetMetadataCommand,
  SubscriptionCommand,
  TextCommand,
} from './commands.js'
export { MEDIA_TYPE } from './commands.js'
export { type AcceptOptions, type RefuseOptions, SlipSocketConnection } from './connection.js'
export {
  PROBLEM_TYPES,
  type ProblemType,
  SlipConflictError,
  SlipDeniedError,
  SlipError,
  type SlipErrorDetails,
  SlipInvalidError,
  SlipNotAppliedError,
  SlipNotFoundError,
  SlipOverloadedError,
  SlipRequestError,
  type SlipResult,
  SlipTimeoutError,
  SlipUnavailableError,
  SlipUnexpectedError,
  SlipUnreachableError,
} from './errors.js'
export type { BinaryEvent, CloseEvent, InEvent, InEvents, OpenEvent, TextEvent } from './events.js'
export { expressHandler } from './handlers/express.js'
export { fetchHandler } from './handlers/fetch.js'
export type { ConnectionHandler, HandlerOptions } from './handlers/handler.js'
export { type NodeRequest, type NodeResponse, nodeHandler } from './handlers/node.js'
export type { JsonValue } from './json.js'
export { type PublisherOptions, SlipSocketPublisher } from './publisher.js'
export { type Incoming, SlipSocketRequest } from './request.js'
export {
  type ChannelInfo,
  Channels,
  type CloseOptions,
  type ConnectionInfo,
  Connections,
  type DeadLetter,
  DeadLetters,
  type Edge,
  type FollowOptions,
  type Followed,
  type ListOptions,
  Listing,
  type Member,
  type Page,
  type Process,
  type Published,
  type Status,
  type WholeDeadLetter,
} from './resources.js'
export type { CallOptions } from './transport.js'

/** For the end of a switch: a compile error when a case is missing, and an Error when it comes to that. */
export function assertUnreachable(value: never): never {
  throw new Error(`unexpected: ${JSON.stringify(value)}`)
}
