// Numbers, times and JSON, for people.
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const zoneName = new Intl.DateTimeFormat('en', { timeZoneName: 'short' })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export const count = (value) => (value < 100000 ? whole.format(value) : compact.format(value))

// A rate: with a fraction while it is small.
export const rate = (value) => (value > 0 && value < 10 ? value.toFixed(1) : count(Math.round(value)))

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

export function milliseconds(seconds) {
  if (seconds === null) return '–'
  if (seconds >= 1) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  const value = seconds * 1000
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

export const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`

export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min`
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`
}

// "5 min ago" of an RFC 3339 time.
export function ago(time) {
  const seconds = (Date.now() - Date.parse(time)) / 1000
  return seconds < 1 ? 'now' : `${duration(seconds)} ago`
}

// Local time, to the second, with the zone.
export function moment(time) {
  if (!time) return '–'
  const date = new Date(time)
  const two = (value) => String(value).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  const zone = zoneName.formatToParts(date).find((part) => part.type === 'timeZoneName').value
  return `${day} ${clock} ${zone}`
}

export const json = (value) => JSON.stringify(value, null, 2)

export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`
