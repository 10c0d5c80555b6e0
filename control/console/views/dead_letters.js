import { get, query } from '../api.js'
import { h, setText } from '../dom.js'
import { ago, count, moment } from '../format.js'
import { live } from '../live.js'
import { badge, connectionLink, listing, setBadge, trouble } from '../parts.js'
import { go, link } from '../router.js'

// [text, kind] of a badge.
export function letterState(letter) {
  if (letter.replayedAt) return ['replayed', 'good']
  if (letter.replayRequestedAt) return ['being replayed', 'busy']
  return letter.replayFailedAt ? ['replay failed', 'bad'] : ['waiting', 'bad']
}

export const outcome = (letter) => [letter.lastStatus, letter.lastError].filter(Boolean).join(' ') || '–'

function searchForm(parameters) {
  const connection = h('input', { type: 'search', name: 'connection', value: parameters.connection, placeholder: 'Of connection', 'aria-label': 'Of connection' })
  const state = h(
    'select',
    { name: 'state', 'aria-label': 'State' },
    [['', 'any state'], ['waiting', 'waiting'], ['replayed', 'replayed']].map(([value, text]) =>
      h('option', { value, selected: value === (parameters.state ?? '') }, text),
    ),
  )
  const form = h('form', { class: 'row search', role: 'search' }, connection, state, h('button', { type: 'submit' }, 'Search'))
  const search = () => go(['dead-letters'], { connection: connection.value.trim(), state: state.value })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    search()
  })
  state.addEventListener('change', search)
  return form
}

export function deadLetters({ main, signal, parameters }) {
  const problem = trouble()
  const { connection, state } = parameters
  const list = listing({
    label: 'dead letters',
    keyOf: (item) => item.id,
    read: (cursor, abort) => get(`/v1/dead-letters${query({ connection, state, limit: 50, cursor })}`, abort),
    empty: () => (connection || state ? 'No dead letter is like that.' : 'There is no dead letter: the backend has taken everything.'),
    columns: [
      { title: 'Letter', make: (item) => h('a', { href: link(['dead-letters', item.id]) }, `#${item.id}`) },
      { title: 'State', make: () => badge(''), update: (cell, item) => setBadge(cell.firstChild, ...letterState(item)) },
      { title: 'Connection', class: 'wide', make: (item) => connectionLink(item.connectionId) },
      { title: 'Events', class: 'number wide', update: (cell, item) => setText(cell, count(item.eventCount)) },
      { title: 'Attempts', class: 'number wide', update: (cell, item) => setText(cell, count(item.attempts)) },
      { title: 'Last outcome', class: 'broad', update: (cell, item) => setText(cell, outcome(item)) },
      {
        title: 'Given up',
        class: 'number',
        make: (item) => h('time', { datetime: item.createdAt, title: moment(item.createdAt) }),
        update: (cell, item) => setText(cell.firstChild, ago(item.createdAt)),
      },
    ],
  })
  main.append(
    h('h1', null, 'Dead letters'),
    h('p', { class: 'faint' }, 'Events that the backend refused, or did not take in all attempts.'),
    searchForm(parameters),
    problem,
    h('section', { class: 'card' }, list),
  )
  list.whenTurned(live(signal, list.read, problem.tell))
}
