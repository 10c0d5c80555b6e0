// What can go wrong, once: a result that programs look at, a class for each that may be caught, and
// the problem types of the broker (RFC 9457).

/** What went wrong, in a word; the same words as in libslip. */
export type SlipResult =
  | 'invalid' // an argument or a body is not what it should be; nothing was carried out
  | 'denied' // the token is missing or not good
  | 'no-such-connection' // there certainly is none
  | 'not-found' // no such resource
  | 'conflict' // its state does not allow it
  | 'not-applied' // not by every edge in time: it may have been, in part or whole
  | 'overloaded' // not carried out; later it will be
  | 'unavailable' // the broker, or what it needs, is away
  | 'unreachable' // no HTTP answer: no name, no connection, or it broke
  | 'timed-out' // no HTTP answer in time
  | 'unexpected' // an answer that is none of the contract's

/** The problem types that the broker answers with. */
export const PROBLEM_TYPES = [
  '/problems/invalid-token',
  '/problems/not-found',
  '/problems/no-such-connection',
  '/problems/no-such-dead-letter',
  '/problems/already-replayed',
  '/problems/replay-under-way',
  '/problems/method-not-allowed',
  '/problems/invalid-body',
  '/problems/invalid-parameter',
  '/problems/unsupported-encoding',
  '/problems/not-ready',
  '/problems/overloaded',
  '/problems/not-applied-in-time',
  '/problems/database-away',
  '/problems/internal',
  '/problems/bad-target',
  '/problems/body-too-large',
] as const

/** One of {@link PROBLEM_TYPES}. */
export type ProblemType = (typeof PROBLEM_TYPES)[number]

/** Details of an error, all optional. */
export interface SlipErrorDetails {
  /** HTTP status of the broker's answer; of a {@link SlipRequestError}: what to answer. */
  status?: number
  /** The problem's type. */
  type?: ProblemType
  /** What the broker says about this occurrence; for people. */
  detail?: string
  /** Requests made. */
  attempts?: number
  /** What the broker asked to wait. */
  retryAfterMs?: number
  /** The error underneath. */
  cause?: unknown
}

/** Whatever this library throws on purpose. `result` says what; `instanceof` works as well. */
export class SlipError extends Error {
  /** What went wrong, in a word. */
  readonly result: SlipResult
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  /** The problem's type (RFC 9457), or null when the answer named none. */
  readonly type: ProblemType | null
  /** What the broker says about this occurrence, or null. */
  readonly detail: string | null
  /** Requests made; 0 when it did not come to that. */
  readonly attempts: number
  /** What the broker asked to wait; 0: nothing. */
  readonly retryAfterMs: number

  constructor(result: SlipResult, message: string, details: SlipErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = new.target.name
    this.result = result
    this.status = details.status ?? 0
    this.type = details.type ?? null
    this.detail = details.detail ?? null
    this.attempts = details.attempts ?? 0
    this.retryAfterMs = details.retryAfterMs ?? 0
  }
}

/** An argument that can be no part of a command, or a request that the broker refuses. */
export class SlipInvalidError extends SlipError {}
/** The broker does not accept the token: another secret, or clocks that differ. */
export class SlipDeniedError extends SlipError {}
/** There is no such connection or dead letter. */
export class SlipNotFoundError extends SlipError {}
/** The dead letter was replayed, or is being replayed. */
export class SlipConflictError extends SlipError {}
/** Not applied by every edge in time, in all attempts. */
export class SlipNotAppliedError extends SlipError {}
/** The broker has too much to do; nothing was carried out. */
export class SlipOverloadedError extends SlipError {}
/** The broker, or what it needs for this, is away. */
export class SlipUnavailableError extends SlipError {}
/** No HTTP answer. */
export class SlipUnreachableError extends SlipError {}
/** No HTTP answer in time. */
export class SlipTimeoutError extends SlipError {}
/** An answer that is none of the contract's: something else may listen there. */
export class SlipUnexpectedError extends SlipError {}

/** A webhook request that is not what the broker sends: answer `status`. */
export class SlipRequestError extends SlipError {
  constructor(status: number, message: string, cause?: unknown) {
    super('invalid', message, cause === undefined ? { status } : { status, cause })
  }
}

const classes: Record<SlipResult, typeof SlipError> = {
  invalid: SlipInvalidError,
  denied: SlipDeniedError,
  'no-such-connection': SlipNotFoundError,
  'not-found': SlipNotFoundError,
  conflict: SlipConflictError,
  'not-applied': SlipNotAppliedError,
  overloaded: SlipOverloadedError,
  unavailable: SlipUnavailableError,
  unreachable: SlipUnreachableError,
  'timed-out': SlipTimeoutError,
  unexpected: SlipUnexpectedError,
}

/** An error of the class of its result. */
export function slipError(result: SlipResult, message: string, details?: SlipErrorDetails): SlipError {
  return new classes[result](result, message, details)
}

/** An argument that is not what it should be. */
export function invalid(message: string, cause?: unknown): SlipError {
  return slipError('invalid', message, cause === undefined ? {} : { cause })
}

function resultOf(status: number, type: string): SlipResult {
  if (type === '/problems/no-such-connection') return 'no-such-connection'
  if (type === '/problems/not-applied-in-time') return 'not-applied'
  if (type === '/problems/overloaded' || status === 429) return 'overloaded'
  if (status === 401 || status === 403) return 'denied'
  if (status === 404) return 'not-found'
  if (status === 409) return 'conflict'
  if (status >= 400 && status < 500) return 'invalid'
  return status >= 500 ? 'unavailable' : 'unexpected'
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The error that an answer other than 2xx stands for, whatever its body is. */
export function problemError(status: number, body: string, details: SlipErrorDetails): SlipError {
  let problem: Record<string, unknown> = {}
  try {
    problem = Object(JSON.parse(body)) as Record<string, unknown>
  } catch {
    // The contract's end point says "Invalid token"; proxies say what they like.
  }
  const type = PROBLEM_TYPES.find((known) => known === problem.type)
  const title = textOf(problem.title) || textOf(problem.message) || `the broker answered ${status}`
  const detail = textOf(problem.detail) || details.detail
  return slipError(resultOf(status, type ?? ''), detail ? `${title}: ${detail}` : title, {
    ...details,
    status,
    ...(type && { type }),
    ...(detail && { detail }),
  })
}
