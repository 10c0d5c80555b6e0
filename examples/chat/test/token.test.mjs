import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import test from 'node:test'
import { isFromBroker } from '../token.mjs'

export const SECRET = 'a secret for the tests of the chat'

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

export function bearer(claims = {}, { secret = SECRET, header = { alg: 'HS256', typ: 'JWT' } } = {}) {
  const now = Math.floor(Date.now() / 1000)
  const all = { iss: 'slip-sockets', aud: 'WebSocketEvent', iat: now, exp: now + 60, ...claims }
  const text = `${encode(header)}.${encode(all)}`
  return `Bearer ${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

const now = Math.floor(Date.now() / 1000)
const good = (authorization, secrets = [SECRET]) => isFromBroker(authorization, secrets)

test('the broker is known by its token', () => {
  assert.ok(good(bearer()))
  assert.ok(good(bearer({ aud: ['WebSocketEvent'] })))
  assert.ok(good(bearer({}, { secret: 'older' }), ['newer', 'older']))
})

test('and nobody else', () => {
  const cases = {
    missing: undefined,
    empty: '',
    'not a bearer': bearer().replace('Bearer', 'Basic'),
    'not a token': 'Bearer abc',
    'no JSON': 'Bearer YQ.YQ.YQ',
    'null claims': bearer().replace(/\.[^.]*\./, `.${encode(null)}.`),
    'wrong secret': bearer({}, { secret: 'another' }),
    'no algorithm': bearer({}, { header: { alg: 'none' } }),
    'another algorithm': bearer({}, { header: { alg: 'HS512' } }),
    'another issuer': bearer({ iss: 'me' }),
    'another audience': bearer({ aud: 'ControlEvent' }),
    expired: bearer({ exp: now - 60 }),
    'never expires': bearer({ exp: undefined }),
    'expiry in words': bearer({ exp: 'later' }),
    'not yet': bearer({ nbf: now + 60 }),
    'signature cut': bearer().slice(0, -5),
    'no signature': bearer().replace(/[^.]*$/, ''),
  }
  for (const [name, authorization] of Object.entries(cases)) assert.equal(good(authorization), false, name)
})
