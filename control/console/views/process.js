import { h, keyed, setText, show } from '../dom.js'
import { figures, metric, onFigures } from '../figures.js'
import { bytes, duration, moment } from '../format.js'
import { badge, facts, loading, processLink, setBadge } from '../parts.js'
import { link } from '../router.js'
import { linksOf } from './processes.js'

function value(name, amount) {
  if (/_time_seconds$/.test(name)) return moment(amount * 1000)
  if (/_bytes(_total)?(_sum)?(\{|$)/.test(name)) return bytes(amount)
  return Number.isInteger(amount) ? amount.toLocaleString('en') : amount.toFixed(6).replace(/0+$/, '')
}

const linkRow = () => h('tr', null, h('td'), h('td'), h('td', { class: 'number' }), h('td', { class: 'number' }))

function updateLink(row, peer) {
  setText(row.cells[0], peer.role)
  if (!row.cells[1].firstChild) row.cells[1].append(processLink(peer.name))
  setText(row.cells[2], `${peer.silentMs} ms`)
  setText(row.cells[3], bytes(peer.bufferedBytes))
}

export function process({ main, signal, values }) {
  const state = badge('')
  const role = h('span')
  const version = h('span')
  const up = h('span')
  const links = h('tbody')
  const metrics = h('tbody')
  const wait = loading()
  const head = (...titles) => h('thead', null, h('tr', null, titles.map((title, i) => h('th', { scope: 'col', class: i > 1 ? 'number' : null }, title))))
  const content = h('div', { hidden: true }, [
    h('section', { class: 'card' }, facts({ State: state, Role: role, Version: version, Up: up })),
    h('section', { class: 'card' }, h('h2', null, 'Links'), h('table', { 'aria-label': 'Links' }, head('Role', 'Process', 'Silent', 'Buffered'), links)),
    h('section', { class: 'card' }, [
      h('h2', null, 'Metrics'),
      h('p', { class: 'faint' }, 'Those that are not 0, as its /metrics has them.'),
      h('table', { class: 'metrics', 'aria-label': 'Metrics' }, h('thead', { class: 'unseen' }, h('tr', null, h('th', { scope: 'col' }, 'Name'), h('th', { scope: 'col' }, 'Value'))), metrics),
    ]),
  ])
  main.append(
    h('p', { class: 'crumbs' }, h('a', { href: link(['processes']) }, 'Processes')),
    h('h1', { class: 'id' }, values.process),
    wait,
    content,
  )
  const update = () => {
    const found = figures.processes.find((each) => each.name === values.process)
    show(wait, !found)
    show(content, Boolean(found))
    if (!found) return setText(wait, 'There is no such process. A process has another name after each start.')
    setBadge(state, found.metrics ? 'answers' : 'does not answer', found.metrics ? 'good' : 'bad')
    setText(role, found.role)
    setText(version, found.version ?? '–')
    setText(up, found.metrics ? duration(Date.now() / 1000 - metric(found, 'slip_process_start_time_seconds')) : '–')
    keyed(links, linksOf(found), (peer) => peer.name, linkRow, updateLink)
    keyed(
      metrics,
      Object.entries(found.metrics ?? {}),
      ([name]) => name,
      ([name]) => h('tr', null, h('td', { class: 'id' }, name), h('td', { class: 'number' })),
      (row, [name, amount]) => setText(row.cells[1], value(name, amount)),
    )
  }
  onFigures(update, signal)
}
