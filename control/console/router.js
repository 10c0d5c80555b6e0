// Where we are: #/channels/room%2F1?cursor=… The part after # never leaves the browser.

export function link(segments, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value)
  const query = given.length ? `?${new URLSearchParams(given)}` : ''
  return `#/${segments.map(encodeURIComponent).join('/')}${query}`
}

export function go(segments, parameters) {
  location.hash = link(segments, parameters)
}

// { segments, parameters }
export function here() {
  const [path, query = ''] = location.hash.slice(1).split(/\?(.*)/s)
  const segments = path.split('/').filter(Boolean).map(decode)
  return { segments, parameters: Object.fromEntries(new URLSearchParams(query)) }
}

function decode(segment) {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

// routes: [['channels', ':channel'], view]; { view, values }, or null.
export function match(routes, segments) {
  for (const [pattern, view] of routes) {
    if (pattern.length !== segments.length) continue
    if (!pattern.every((part, i) => part.startsWith(':') || part === segments[i])) continue
    const values = {}
    pattern.forEach((part, i) => part.startsWith(':') && (values[part.slice(1)] = segments[i]))
    return { view, values }
  }
  return null
}
