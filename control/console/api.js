// Control's REST API, at the address that this page came from.
import { session, whyRefused } from './session.js'

const PATIENCE_MS = 20000

// status 0: there was no answer.
export class ApiError extends Error {
  constructor(status, type, message) {
    super(message)
    this.status = status
    this.type = type
  }
}

async function problemOf(response) {
  const problem = await response.json().catch(() => ({}))
  const text = [problem.title ?? `Control answered ${response.status}`, problem.detail].filter(Boolean).join(': ')
  return new ApiError(response.status, problem.type ?? '', text)
}

async function send(method, path, body, token, signal) {
  const headers = { Authorization: `Bearer ${token}` }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const response = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: 'no-store',
    credentials: 'omit',
    signal,
  })
  if (!response.ok) throw await problemOf(response)
  return response.status === 204 ? null : response.json()
}

// Nothing of a request stays with `signal`, which lives as long as its view.
async function ask(method, path, { body, token = session.token, signal } = {}) {
  const ending = new AbortController()
  const end = () => ending.abort()
  const limit = setTimeout(end, PATIENCE_MS)
  signal?.addEventListener('abort', end)
  try {
    return await send(method, path, body, token, ending.signal)
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error
    throw new ApiError(0, '', 'Control does not answer.')
  } finally {
    clearTimeout(limit)
    signal?.removeEventListener('abort', end)
  }
}

// path`/v1/channels/${name}`: values are escaped, slashes too.
export function path(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map(encodeURIComponent))
}

// Parameters that are empty are left out.
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value)
  return given.length ? `?${new URLSearchParams(given)}` : ''
}

// A call of somebody who is logged in: a token that is refused ends that.
export async function call(method, path, options) {
  const token = session.token
  try {
    return await ask(method, path, options)
  } catch (error) {
    if (error.status === 403 && session.token === token) session.set(null, whyRefused(token))
    throw error
  }
}

export const get = (path, signal) => call('GET', path, { signal })

// Is the token good? null, or why not, in words.
export async function tryToken(token) {
  if (!/^[\x21-\x7e]+$/.test(token)) return whyRefused('')
  try {
    await ask('GET', '/v1/processes', { token })
  } catch (error) {
    if (error.status === 403) return whyRefused(token)
    if (error.status === 0) return error.message
  }
  return null
}
