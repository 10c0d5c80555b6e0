// The token: kept for this tab only, sent as a header only, never part of an address.
const KEY = 'slip-sockets.token'
const listeners = new Set()
let token = sessionStorage.getItem(KEY)

export const session = {
  get token() {
    return token
  },
  // `why`, when it is over, is told to whoever was using it.
  set(value, why = '') {
    token = value
    if (value) sessionStorage.setItem(KEY, value)
    else sessionStorage.removeItem(KEY)
    for (const listener of listeners) listener(why)
  },
  onChange(listener) {
    listeners.add(listener)
  },
}

// What the token says of itself; null when it is not even a token. Nothing is verified here.
export function claimsOf(text) {
  try {
    const parts = text.split('.')
    const decode = (part) => {
      const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
      return JSON.parse(new TextDecoder().decode(bytes))
    }
    if (parts.length !== 3 || typeof decode(parts[0]) !== 'object') return null
    const claims = decode(parts[1])
    return claims && typeof claims === 'object' ? claims : null
  } catch {
    return null
  }
}

// Why control does not take this token, as far as can be seen from here.
export function whyRefused(text, nowMs = Date.now()) {
  const claims = claimsOf(text)
  if (!claims) return 'This is no token. A token has three parts with dots between them.'
  if (typeof claims.exp !== 'number') return 'The token has no time of expiry (exp). Control takes only tokens that expire.'
  if (claims.exp * 1000 <= nowMs) return 'The token has expired. Make a new one.'
  if (![claims.aud].flat().includes('ControlEvent')) return 'The token is for something else: its audience (aud) is not ControlEvent.'
  if (claims.iss !== 'slip-sockets') return 'The token is not from slip-sockets: its issuer (iss) is another.'
  return 'Control refuses the token. It was probably signed with the secret of another stack.'
}
