import { get, query } from '../api.js'
import { h, setText } from '../dom.js'
import { count } from '../format.js'
import { live } from '../live.js'
import { channelLink, listing, trouble } from '../parts.js'
import { go } from '../router.js'

export function channels({ main, signal, parameters }) {
  const problem = trouble()
  const prefix = h('input', { type: 'search', name: 'prefix', value: parameters.prefix, placeholder: 'Name begins with …', 'aria-label': 'Name begins with' })
  const search = h('form', { class: 'row search', role: 'search' }, prefix, h('button', { type: 'submit' }, 'Search'))
  search.addEventListener('submit', (event) => {
    event.preventDefault()
    go(['channels'], { prefix: prefix.value })
  })
  const list = listing({
    label: 'channels',
    keyOf: (item) => item.channel,
    read: (cursor, abort) => get(`/v1/channels${query({ prefix: parameters.prefix, limit: 50, cursor })}`, abort),
    empty: () => (parameters.prefix ? `No channel begins with “${parameters.prefix}”.` : 'There is no channel: none has a member.'),
    columns: [
      { title: 'Channel', make: (item) => channelLink(item.channel) },
      { title: 'Members', class: 'number', update: (cell, item) => setText(cell, count(item.members)) },
    ],
  })
  main.append(h('h1', null, 'Channels'), search, problem, h('section', { class: 'card' }, list))
  list.whenTurned(live(signal, list.read, problem.tell))
}
