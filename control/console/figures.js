// The figures of all processes, read while somebody is logged in, with a little history for charts.
import { get } from './api.js'

const HISTORY = 80
const listeners = new Set()
let before = new Map() // name → process, of the reading before the last

export const figures = { processes: null, status: null, statusError: null, now: null, history: [] }

export const onFigures = (listener, signal) => {
  listeners.add(listener)
  signal.addEventListener('abort', () => listeners.delete(listener), { once: true })
  if (figures.now) listener()
}

// ---- sums over processes ----

const values = (process, name) =>
  Object.entries(process.metrics ?? {}).filter(([series]) => series === name || series.startsWith(`${name}{`))

// One process's metric, over all values of its label that `wanted` takes.
export const metric = (process, name, wanted = () => true) =>
  values(process, name).reduce((sum, [series, value]) => (wanted(/"(.*)"/.exec(series)?.[1]) ? sum + value : sum), 0)

const withRole = (role) => figures.processes.filter((process) => process.role === role && process.metrics)

const total = (role, name, wanted) =>
  withRole(role).reduce((sum, process) => sum + metric(process, name, wanted), 0)

// Growth since the reading before: [amount, seconds]; nothing for one that was not there then.
function growth(process, name, wanted) {
  const old = before.get(process.name)
  if (!old?.metrics || process.clock <= old.clock) return [0, 1]
  return [Math.max(0, metric(process, name, wanted) - metric(old, name, wanted)), process.clock - old.clock]
}

export function perSecond(process, name, wanted) {
  const [amount, seconds] = growth(process, name, wanted)
  return amount / seconds
}

const rate = (role, name, wanted) =>
  withRole(role).reduce((sum, process) => sum + perSecond(process, name, wanted), 0)

// Mean of what a histogram has seen since the last reading; null when that is nothing.
function mean(role, name) {
  let sum = 0
  let count = 0
  for (const process of withRole(role)) {
    sum += growth(process, `${name}_sum`)[0]
    count += growth(process, `${name}_count`)[0]
  }
  return count > 0 ? sum / count : null
}

function summary() {
  const isMessage = (type) => type === 'TEXT' || type === 'BINARY'
  return {
    connections: total('edge', 'slip_connections'),
    pending: total('edge', 'slip_connections_pending'),
    messages: rate('edge', 'slip_events_total', isMessage),
    deliveries: rate('edge', 'slip_deliveries_total'),
    webhooks: rate('webhook-worker', 'slip_webhook_requests_total'),
    failures: rate('webhook-worker', 'slip_webhook_requests_total', (outcome) => outcome !== 'ok'),
    failuresTotal: total('webhook-worker', 'slip_webhook_requests_total', (outcome) => outcome !== 'ok'),
    webhooksTotal: total('webhook-worker', 'slip_webhook_requests_total'),
    inFlight: total('webhook-worker', 'slip_jobs_in_flight'),
    breakersOpen: withRole('webhook-worker').filter((each) => metric(each, 'slip_webhook_breaker_state') > 0).length,
    webhookSeconds: mean('webhook-worker', 'slip_webhook_duration_seconds'),
    deliverySeconds: mean('edge', 'slip_publish_delivery_seconds'),
    eventsQueued: total('edge', 'slip_events_queued'),
    eventsQueuedBytes: total('edge', 'slip_events_queued_bytes'),
    readsPaused: total('edge', 'slip_reads_paused'),
    sendQueuedBytes: total('edge', 'slip_send_queued_bytes'),
    jobsWaiting: total('router', 'slip_jobs_waiting'),
    jobsRetrying: total('router', 'slip_jobs_retrying'),
    rowsPending: total('router', 'slip_projection_rows_pending'),
    receiptsWaiting: total('control', 'slip_receipts_waiting') + total('control', 'slip_commands_parked'),
    rest: rate('control', 'slip_rest_requests_total'),
    silent: figures.processes.filter((each) => !each.metrics && each.role !== 'control'),
  }
}

// ---- reading ----

export async function readFigures(signal) {
  const [processes, status] = await Promise.allSettled([get('/v1/processes', signal), get('/v1/status', signal)])
  if (processes.status === 'rejected') throw processes.reason
  before = new Map(figures.processes?.map((process) => [process.name, process]))
  figures.processes = processes.value.items
  figures.status = status.value ?? figures.status
  figures.statusError = status.reason ?? null
  figures.now = summary()
  // Rates of the first reading are not known.
  if (before.size) figures.history.push(figures.now)
  if (figures.history.length > HISTORY) figures.history.shift()
  for (const listener of listeners) listener()
}

export function forgetFigures() {
  before = new Map()
  Object.assign(figures, { processes: null, status: null, statusError: null, now: null, history: [] })
}
