// Tokens (JWT with HS256): what the broker shows us, and what we show the broker.
//
// By jose 5: version 6 is an ES module only, which CommonJS on Node 18 cannot load, and wants a global
// crypto, which Node 18 has not.
import { SignJWT, jwtVerify } from 'jose'
import { invalid } from './errors.js'

const ISSUER = 'slip-sockets'
const EVENT_AUDIENCE = 'WebSocketEvent'
const CONTROL_AUDIENCE = 'ControlEvent'
const LIFETIME_S = 60
const RENEW_MS = 30_000
const STREAM_LIFETIME_S = 3600
const LEEWAY_S = 5
const TOKEN_LENGTH_MAX = 8192

const encoder = new TextEncoder()

/** The secrets: a list, or as the broker's JWT_SECRET has them, separated by commas. The first signs. */
export function readSecrets(jwtSecret: string | readonly string[]): Uint8Array[] {
  const secrets = typeof jwtSecret === 'string' ? jwtSecret.split(',').map((secret) => secret.trim()).filter(Boolean) : jwtSecret
  if (!Array.isArray(secrets) || secrets.length === 0 || !secrets.every((secret) => typeof secret === 'string' && secret !== ''))
    throw invalid('jwtSecret is missing')
  return secrets.map((secret) => encoder.encode(secret))
}

/** One token serves many requests: good for a minute, renewed after half of it. */
export class TokenSigner {
  #token: Promise<string> | null = null
  #signedMs = 0

  constructor(private readonly secret: Uint8Array) {}

  token(nowMs = Date.now()): Promise<string> {
    // A clock that was set back renews it too.
    if (!this.#token || nowMs < this.#signedMs || nowMs - this.#signedMs >= RENEW_MS) {
      this.#signedMs = nowMs
      this.#token = this.#sign(Math.floor(nowMs / 1000))
    }
    return this.#token
  }

  /** One of its own for an answer that does not end: the broker ends it when the token expires. */
  streamToken(nowMs = Date.now()): Promise<string> {
    return this.#sign(Math.floor(nowMs / 1000), STREAM_LIFETIME_S)
  }

  #sign(nowS: number, lifetimeS = LIFETIME_S): Promise<string> {
    return new SignJWT()
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer(ISSUER)
      .setAudience(CONTROL_AUDIENCE)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + lifetimeS)
      .sign(this.secret)
  }
}

/** Whether an Authorization field is the broker's. */
export async function isFromBroker(authorization: string | null | undefined, secrets: readonly Uint8Array[]): Promise<boolean> {
  const token = /^Bearer +([\w.-]+) *$/i.exec(authorization ?? '')?.[1]
  if (!token || token.length > TOKEN_LENGTH_MAX) return false
  for (const secret of secrets) {
    try {
      await jwtVerify(token, secret, {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: EVENT_AUDIENCE,
        requiredClaims: ['exp'],
        clockTolerance: LEEWAY_S,
      })
      return true
    } catch {
      // Perhaps the next one made it.
    }
  }
  return false
}
