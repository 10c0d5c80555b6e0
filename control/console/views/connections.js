import { get, query } from '../api.js'
import { h, setText } from '../dom.js'
import { ago, count, moment } from '../format.js'
import { live } from '../live.js'
import { badge, connectionLink, listing, setBadge, trouble } from '../parts.js'
import { go } from '../router.js'

export const stateKind = { opening: 'busy', open: 'good', closing: 'faint' }

function searchForm(parameters) {
  const id = h('input', { type: 'search', name: 'id', class: 'first', placeholder: 'Connection id', 'aria-label': 'Connection id' })
  const channel = h('input', { type: 'search', name: 'channel', value: parameters.channel, placeholder: 'In channel', 'aria-label': 'In channel' })
  const state = h(
    'select',
    { name: 'state', 'aria-label': 'State' },
    ['', 'opening', 'open', 'closing'].map((each) => h('option', { value: each, selected: each === (parameters.state ?? '') }, each || 'any state')),
  )
  const form = h('form', { class: 'row search', role: 'search' }, id, channel, state, h('button', { type: 'submit' }, 'Search'))
  const search = () => {
    if (id.value.trim()) go(['connections', id.value.trim()])
    else go(['connections'], { channel: channel.value, state: state.value, edge: parameters.edge })
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    search()
  })
  state.addEventListener('change', search)
  return form
}

export function connections({ main, signal, parameters }) {
  const problem = trouble()
  const { channel, state, edge } = parameters
  const list = listing({
    label: 'connections',
    keyOf: (item) => item.connectionId,
    read: (cursor, abort) => get(`/v1/connections${query({ channel, state, edge, limit: 50, cursor })}`, abort),
    empty: () => (channel || state || edge ? 'No connection is like that.' : 'There is no connection.'),
    columns: [
      { title: 'Connection', make: (item) => connectionLink(item.connectionId) },
      { title: 'State', make: () => badge(''), update: (cell, item) => setBadge(cell.firstChild, item.state, stateKind[item.state]) },
      { title: 'Address', class: 'wide', update: (cell, item) => setText(cell, item.ip ?? '–') },
      { title: 'Channels', class: 'number wide', update: (cell, item) => setText(cell, count(item.channels.length)) },
      {
        title: 'Since',
        class: 'number',
        make: (item) => h('time', { datetime: item.createdAt, title: moment(item.createdAt) }),
        update: (cell, item) => setText(cell.firstChild, ago(item.openedAt ?? item.createdAt)),
      },
    ],
  })
  main.append(h('h1', null, 'Connections'), searchForm(parameters), problem, h('section', { class: 'card' }, list))
  list.whenTurned(live(signal, list.read, problem.tell))
}
