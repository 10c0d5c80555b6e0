import { chart } from '../chart.js'
import { h, keyed, setAttribute, setText, show } from '../dom.js'
import { figures, onFigures } from '../figures.js'
import { bytes, count, milliseconds, percent, plural, rate } from '../format.js'
import { loading } from '../parts.js'
import { link } from '../router.js'

// A large figure with its last two minutes. `of(now)`: its value; `more`: a line in words.
function tile({ id, title, unit, of, format, more, second, href }) {
  const value = h('strong', { id })
  const note = h('p', { class: 'faint' })
  const lines = second ? chart('accent', 'bad') : chart('accent')
  const root = h(href ? 'a' : 'section', { class: 'card tile', href }, [
    h('h2', null, title),
    h('p', { class: 'figure' }, value, unit && h('span', { class: 'unit' }, unit)),
    note,
    lines,
  ])
  root.update = () => {
    setText(value, format(of(figures.now)))
    setText(note, more(figures.now))
    const series = [of, second].filter(Boolean)
    lines.draw(...series.map((each) => figures.history.map(each)))
  }
  return root
}

// Name and value, a line each; `isBad(now)` gives a line weight.
function panel(title, rows) {
  const cells = rows.map((row) => h('dd', { id: row.id }))
  const root = h('section', { class: 'card' }, [
    h('h2', null, title),
    h('dl', { class: 'figures' }, rows.map((row, i) => h('div', null, h('dt', null, row.title), cells[i]))),
  ])
  root.update = () =>
    rows.forEach((row, i) => {
      setText(cells[i], row.of(figures.now))
      setAttribute(cells[i], 'class', row.isBad?.(figures.now) ? 'bad' : null)
    })
  return root
}

const tiles = () => [
  tile({
    id: 'connections',
    title: 'Connections',
    href: link(['connections']),
    of: (now) => now.connections,
    format: count,
    more: (now) => (now.pending ? `${count(now.pending)} waiting to be accepted` : 'open now'),
  }),
  tile({
    id: 'messages',
    title: 'Messages',
    unit: '/s',
    of: (now) => now.messages,
    format: rate,
    more: () => 'from clients',
  }),
  tile({
    id: 'deliveries',
    title: 'Deliveries',
    unit: '/s',
    of: (now) => now.deliveries,
    format: rate,
    more: (now) => (now.deliverySeconds === null ? 'to clients' : `to clients, in ${milliseconds(now.deliverySeconds)}`),
  }),
  tile({
    id: 'webhooks',
    title: 'Webhooks',
    unit: '/s',
    of: (now) => now.webhooks,
    second: (now) => now.failures,
    format: rate,
    more: (now) => (now.failures ? `${rate(now.failures)}/s fail` : 'none fails'),
  }),
]

const failureShare = (now) => (now.webhooksTotal ? now.failuresTotal / now.webhooksTotal : 0)
const status = (of) => () => (figures.status ? count(of(figures.status)) : '–')

const panels = () => [
  panel('Backend', [
    { title: 'Answers in', of: (now) => milliseconds(now.webhookSeconds) },
    { title: 'Requests under way', of: (now) => count(now.inFlight) },
    {
      id: 'failures',
      title: 'Failed since start',
      of: (now) => (now.failuresTotal ? `${count(now.failuresTotal)} (${percent(failureShare(now))})` : '0'),
      isBad: (now) => now.failures > 0,
    },
    { title: 'Workers that find it down', of: (now) => count(now.breakersOpen), isBad: (now) => now.breakersOpen > 0 },
  ]),
  panel('Queues', [
    {
      title: 'Events for the backend',
      of: (now) => (now.eventsQueued ? `${count(now.eventsQueued)} (${bytes(now.eventsQueuedBytes)})` : '0'),
    },
    { title: 'Batches that wait for a worker', of: (now) => count(now.jobsWaiting) },
    { title: 'Batches to be repeated', of: (now) => count(now.jobsRetrying), isBad: (now) => now.jobsRetrying > 0 },
    { title: 'Bytes for clients', of: (now) => bytes(now.sendQueuedBytes) },
    { title: 'Clients not read', of: (now) => count(now.readsPaused), isBad: (now) => now.readsPaused > 0 },
    { title: 'Commands not applied', of: (now) => count(now.receiptsWaiting) },
    { title: 'Rows to be written', of: (now) => count(now.rowsPending) },
  ]),
  panel('Stack', [
    { title: 'Edges', of: status((now) => now.edges) },
    { title: 'Channels', of: status((now) => now.channels) },
    { title: 'Subscriptions', of: status((now) => now.subscriptions) },
    {
      id: 'dead-letters',
      title: 'Dead letters',
      of: status((now) => now.deadLetters),
      isBad: () => figures.status?.deadLetters > 0,
    },
    { title: 'REST requests', of: (now) => `${rate(now.rest)}/s` },
  ]),
]

// What somebody should look at: [text, where, is it bad?].
function worries() {
  const { now, status, statusError } = figures
  const found = []
  for (const each of now.silent)
    found.push([`The ${each.role} ${each.name} does not answer.`, link(['processes']), true])
  if (statusError) found.push([`${statusError.message}: lists cannot be read, messages go on.`, null, true])
  if (now.breakersOpen) found.push(['The backend is down: workers probe it now and then.', null, true])
  else if (now.jobsRetrying) found.push([`The backend does not take everything: ${plural(now.jobsRetrying, 'batch', 'batches')} will be repeated.`, null])
  if (now.readsPaused) found.push([`The backend is behind: ${plural(now.readsPaused, 'client is', 'clients are')} not read until it has caught up.`, null])
  if (status?.deadLetters) found.push([`${plural(status.deadLetters, 'dead letter waits', 'dead letters wait')} for you.`, link(['dead-letters'])])
  return found
}

export function overview({ main, signal }) {
  const notices = h('ul', { class: 'notices', 'aria-label': 'To be looked at' })
  const parts = [...tiles(), ...panels()]
  const content = h('div', { hidden: true }, [
    notices,
    h('div', { class: 'tiles' }, parts.slice(0, 4)),
    h('div', { class: 'panels' }, parts.slice(4)),
  ])
  const wait = loading()
  main.append(h('h1', { class: 'unseen' }, 'Overview'), wait, content)
  onFigures(() => {
    show(wait, false)
    show(content, true)
    keyed(
      notices,
      worries(),
      ([text]) => text,
      ([text, where, isBad]) => h('li', { class: isBad ? 'notice bad' : 'notice' }, where ? h('a', { href: where }, text) : text),
    )
    for (const part of parts) part.update()
  }, signal)
}
