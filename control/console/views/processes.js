import { h, keyed, setAttribute, setText, show } from '../dom.js'
import { figures, metric, onFigures, perSecond } from '../figures.js'
import { bytes, count, duration, percent, rate } from '../format.js'
import { loading } from '../parts.js'
import { link } from '../router.js'

// In the order of the ring.
const roles = [
  ['edge', 'Edges', 'hold the clients’ sockets'],
  ['router', 'Routers', 'keep order, and repeat'],
  ['webhook-worker', 'Workers', 'ask the backend'],
  ['control', 'Controls', 'carry commands to edges'],
]

// The two figures that tell most about a process of a role.
const telling = {
  edge: (each) => [
    ['connections', count(metric(each, 'slip_connections'))],
    ['deliveries', `${rate(perSecond(each, 'slip_deliveries_total'))}/s`],
  ],
  router: (each) => [
    ['waiting', count(metric(each, 'slip_jobs_waiting') + metric(each, 'slip_jobs_retrying'))],
    ['jobs', `${rate(perSecond(each, 'slip_jobs_total'))}/s`],
  ],
  'webhook-worker': (each) => [
    ['under way', count(metric(each, 'slip_jobs_in_flight'))],
    ['requests', `${rate(perSecond(each, 'slip_webhook_requests_total'))}/s`],
  ],
  control: (each) => [
    ['commands', `${rate(perSecond(each, 'slip_commands_total'))}/s`],
    ['REST', `${rate(perSecond(each, 'slip_rest_requests_total'))}/s`],
  ],
}

const uptime = (each) => Date.now() / 1000 - metric(each, 'slip_process_start_time_seconds')

const usage = (each) => [
  ['CPU', percent(perSecond(each, 'slip_process_cpu_seconds_total'))],
  ['memory', bytes(metric(each, 'slip_process_resident_memory_bytes'))],
  ['up', duration(uptime(each))],
]

function card(each) {
  const list = h('dl', { class: 'figures' })
  const links = h('ul', { class: 'links', 'aria-label': `Links of ${each.name}` })
  return Object.assign(
    h('article', { class: 'card process', 'data-process': each.name }, [
      h('h3', null, h('a', { class: 'id', href: link(['processes', each.name]) }, each.name)),
      list,
      links,
    ]),
    { list, links },
  )
}

function updateLinks(element, each) {
  const shown = linksOf(each)
  show(element, shown.length > 0)
  keyed(
    element,
    shown,
    (peer) => peer.name,
    (peer) => h('li', null, h('span', { class: 'faint' }, `${peer.role} `), h('a', { class: 'id', href: link(['processes', peer.name]) }, peer.name)),
    (item, peer) => {
      setAttribute(item, 'class', peer.silentMs > 2000 ? 'bad' : null)
      setAttribute(item, 'title', peer.silentMs > 2000 ? `silent for ${duration(peer.silentMs / 1000)}` : null)
    },
  )
}

// Both ends know of a link here, though only one reports it.
export function linksOf(process) {
  const inward = figures.processes.flatMap((each) =>
    each.links.filter((peer) => peer.name === process.name).map((peer) => ({ ...peer, role: each.role, name: each.name })),
  )
  return [...process.links, ...inward]
}

function update(element, each) {
  setAttribute(element, 'data-state', each.metrics ? 'good' : each.role === 'control' ? 'unknown' : 'bad')
  const rows = each.metrics
    ? [...telling[each.role](each), ...usage(each)]
    : [['', each.role === 'control' ? 'another control: its figures are on its own page' : 'does not answer']]
  keyed(
    element.list,
    rows,
    ([title]) => title,
    ([title]) => h('div', null, h('dt', null, title), h('dd')),
    (row, [, value]) => setText(row.lastChild, value),
  )
  updateLinks(element.links, each)
}

export function processes({ main, signal }) {
  const wait = loading()
  const columns = roles.map(([role, title, what]) => {
    const list = h('div', { class: 'stack' })
    const root = h('section', { 'aria-label': title }, h('h2', null, title, ' ', h('span', { class: 'faint' }, what)), list)
    return { role, list, root }
  })
  const ring = h('div', { class: 'ring', hidden: true }, columns.map(({ root }) => root))
  main.append(h('h1', null, 'Processes'), wait, ring)
  onFigures(() => {
    show(wait, false)
    show(ring, true)
    for (const { role, list } of columns)
      keyed(list, figures.processes.filter((each) => each.role === role), (each) => each.name, card, update)
  }, signal)
}
