// Requests to control, the broker's REST API, repeated while that may help.
//
// A request that failed in a way that may pass (no connection, no answer in time, 429, 502, 503, 504) is
// made again after a pause that doubles and jitters, or after what Retry-After asks for when that is longer.
// Requests with commands carry an Idempotency-Key, the same in every attempt: nothing happens twice.
import { SlipError, invalid, problemError, slipError } from './errors.js'
import type { TokenSigner } from './token.js'

const RETRY_FIRST_MS = 100
const RETRY_LAST_MS = 5_000
/** The longest that a timer waits. */
export const TIMER_MS_MAX = 2 ** 31 - 1
const KEY = /^[\x20-\x7e]{1,255}$/
const MAY_PASS = new Set([429, 502, 503, 504])

/** Of one call to the broker. */
export interface CallOptions {
  /** Yours when you may repeat the call later: 1 to 255 printable ASCII characters. */
  idempotencyKey?: string | undefined
  /** Of one attempt, instead of the publisher's. */
  timeoutMs?: number | undefined
  /** Ends the call, and what it waits for. */
  signal?: AbortSignal | undefined
}

/** How often and how long. */
export interface TransportOptions {
  timeoutMs: number
  attempts: number
  retryLimitMs: number
  fetch: typeof fetch
}

interface HttpRequest {
  method: string
  url: string
  contentType?: string
  body?: string
  /** Added to the time-out: what the request itself may wait. */
  waitMs?: number
}

/** A key that nobody used: it must differ, but need not be secret. */
function newKey(): string {
  const { crypto } = globalThis as { crypto?: { randomUUID?(): string } }
  if (crypto?.randomUUID) return crypto.randomUUID()
  const part = () => Math.random().toString(36).slice(2).padEnd(11, '0')
  return `${Date.now().toString(36)}-${part()}-${part()}` // Node 18
}

/** In milliseconds; 0 when there is none (RFC 9110 §10.2.3). */
export function parseRetryAfter(value: string | null, nowMs = Date.now()): number {
  if (!value) return 0
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? 0 : Math.max(0, date - nowMs)
}

/** The pause after an attempt (from 1 on). */
export function pauseMs(attempt: number, retryAfterMs: number, random = Math.random()): number {
  const full = Math.min(RETRY_FIRST_MS * 2 ** (attempt - 1), RETRY_LAST_MS)
  return Math.max(full / 2 + (random * full) / 2, retryAfterMs)
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** A signal that is aborted by another or by time, which may rest and begin anew; `end()` releases both. */
function deadline(ms: number, signal: AbortSignal | undefined) {
  const controller = new AbortController()
  const stop = () => controller.abort(signal?.reason)
  let isLate = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const restart = (newMs: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      isLate = true
      controller.abort()
    }, newMs)
  }
  restart(ms)
  signal?.addEventListener('abort', stop, { once: true })
  return {
    signal: controller.signal,
    restart,
    rest: () => clearTimeout(timer),
    isLate: () => isLate,
    end() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    },
  }
}

function failure(error: unknown, isLate: boolean, attempts: number, timeoutMs: number): SlipError {
  if (isLate) return slipError('timed-out', `no answer within ${timeoutMs} ms`, { attempts, cause: error })
  const cause = (error as { cause?: unknown }).cause ?? error
  return slipError('unreachable', `no answer: ${(cause as Error)?.message || String(cause)}`, { attempts, cause: error })
}

function readJson(text: string, status: number, attempts: number): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch (error) {
    throw slipError('unexpected', 'the answer is not JSON', { status, attempts, cause: error })
  }
}

/** Speaks HTTP to control. */
export class Transport {
  constructor(
    private readonly signer: TokenSigner,
    private readonly options: TransportOptions,
  ) {}

  /** What the answer's JSON says (null when it is empty); `attempts` are those that were made. */
  async call(request: HttpRequest, options: CallOptions = {}): Promise<{ answer: unknown; attempts: number }> {
    const key = options.idempotencyKey ?? newKey()
    if (!KEY.test(key)) throw invalid('the idempotency key is not 1 to 255 printable ASCII characters')
    if (options.timeoutMs !== undefined && !(options.timeoutMs > 0)) throw invalid('timeoutMs is out of range')
    for (let attempt = 1; ; attempt++) {
      options.signal?.throwIfAborted()
      try {
        return { answer: await this.#attempt(request, key, options, attempt), attempts: attempt }
      } catch (error) {
        if (!this.#mayHelp(error, attempt)) throw error
        await wait(pauseMs(attempt, error.retryAfterMs), options.signal)
      }
    }
  }

  /**
   * The lines of an answer that does not end, in one attempt. Throws when it ends after all, or when
   * nothing was said for `silenceMs`.
   */
  async *lines(url: string, silenceMs: number, options: CallOptions = {}): AsyncGenerator<string, never, undefined> {
    options.signal?.throwIfAborted()
    const timeoutMs = options.timeoutMs ?? this.options.timeoutMs
    const limit = deadline(timeoutMs, options.signal)
    let waitedMs = timeoutMs
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
    try {
      const answer = await this.options.fetch(url, {
        headers: { Authorization: `Bearer ${await this.signer.streamToken()}`, Accept: 'text/event-stream' },
        redirect: 'manual',
        signal: limit.signal,
      })
      if (answer.status !== 200 || !answer.body) throw this.#refusal(answer, await answer.text(), 1)
      reader = answer.body.getReader()
      const decoder = new TextDecoder()
      for (let rest = ''; ; ) {
        limit.restart((waitedMs = silenceMs))
        const { done, value } = await reader.read()
        limit.rest() // your time is not the broker's silence
        if (done) throw slipError('unreachable', 'the broker ended the answer', { attempts: 1 })
        const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/)
        rest = lines.pop() ?? ''
        yield* lines
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      throw error instanceof SlipError ? error : failure(error, limit.isLate(), 1, waitedMs)
    } finally {
      limit.end()
      void reader?.cancel().catch(() => {})
    }
  }

  #refusal(answer: Response, text: string, attempt: number): SlipError {
    const retryAfterMs = parseRetryAfter(answer.headers.get('retry-after'))
    // To the contract's own refusals, a header says the detail.
    const detail = answer.headers.get('problem-detail') ?? ''
    return problemError(answer.status, text, { attempts: attempt, retryAfterMs, ...(detail && { detail }) })
  }

  #mayHelp(error: unknown, attempt: number): error is SlipError {
    if (!(error instanceof SlipError) || attempt >= this.options.attempts) return false
    const passes = error.result === 'unreachable' || error.result === 'timed-out' || MAY_PASS.has(error.status)
    return passes && error.retryAfterMs <= this.options.retryLimitMs
  }

  async #attempt(request: HttpRequest, key: string, options: CallOptions, attempt: number): Promise<unknown> {
    const timeoutMs = Math.min((options.timeoutMs ?? this.options.timeoutMs) + (request.waitMs ?? 0), TIMER_MS_MAX)
    const token = await this.signer.token()
    const limit = deadline(timeoutMs, options.signal)
    let answer: Response
    let text: string
    try {
      answer = await this.options.fetch(request.url, {
        method: request.method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(request.method !== 'GET' && { 'Idempotency-Key': key }),
          ...(request.contentType && { 'Content-Type': request.contentType }),
        },
        ...(request.body !== undefined && { body: request.body }),
        redirect: 'manual', // the token is not for others
        signal: limit.signal,
      })
      text = await answer.text()
    } catch (error) {
      options.signal?.throwIfAborted()
      throw failure(error, limit.isLate(), attempt, timeoutMs)
    } finally {
      limit.end()
    }
    if (answer.status >= 200 && answer.status < 300) return readJson(text, answer.status, attempt)
    throw this.#refusal(answer, text, attempt)
  }
}
