// Tells whether a request comes from the broker: a JWT (RFC 7519) signed with our secret by HS256.
import { createHmac, timingSafeEqual } from 'node:crypto'

const ISSUER = 'slip-sockets'
const AUDIENCE = 'WebSocketEvent'
const LEEWAY_S = 5

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))

const signature = (text, secret) => createHmac('sha256', secret).update(text).digest()

// `authorization` is the header as it came, or undefined; `secrets` are all that may have signed.
export function isFromBroker(authorization, secrets, nowMs = Date.now()) {
  const match = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(authorization ?? '')
  if (!match) return false
  const [, header, claims, signed] = match
  try {
    // The algorithm first: a token must not choose how it is checked.
    if (decode(header).alg !== 'HS256') return false
    const given = Buffer.from(signed, 'base64url')
    const isSigned = secrets.some((secret) => {
      const expected = signature(`${header}.${claims}`, secret)
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
    return isSigned && areGood(decode(claims), nowMs / 1000)
  } catch {
    return false
  }
}

function areGood(claims, now) {
  return (
    claims !== null &&
    claims.iss === ISSUER &&
    [claims.aud].flat().includes(AUDIENCE) &&
    Number.isFinite(claims.exp) &&
    claims.exp > now - LEEWAY_S &&
    !(claims.nbf > now + LEEWAY_S)
  )
}
