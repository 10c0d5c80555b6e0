import { call, get, path, query } from '../api.js'
import { ask } from '../ask.js'
import { h, setText } from '../dom.js'
import { ago, count, moment, plural } from '../format.js'
import { live } from '../live.js'
import { act, closeBody, closeFields, connectionLink, listing, messageForm, trouble } from '../parts.js'
import { link } from '../router.js'

export function channel({ main, signal, values }) {
  const name = values.channel
  const problem = trouble()
  let members = 0
  const list = listing({
    label: 'members',
    keyOf: (item) => item.connectionId,
    read: (cursor, abort) => get(`${path`/v1/channels/${name}/members`}${query({ limit: 50, cursor })}`, abort),
    empty: () => 'The channel has no member.',
    columns: [
      { title: 'Connection', make: (item) => connectionLink(item.connectionId) },
      {
        title: 'Since',
        class: 'number',
        make: (item) => h('time', { datetime: item.since, title: moment(item.since) }),
        update: (cell, item) => setText(cell.firstChild, ago(item.since)),
      },
    ],
  })
  const title = h('h2', null, 'Members')
  const close = h('button', { type: 'button', class: 'danger' }, 'Close all …')
  close.addEventListener('click', () =>
    act(close, 'Closed.', async () => {
      const answer = await ask({
        title: 'Close every member?',
        text: `${plural(members, 'connection is a member', 'connections are members')} of “${name}”.`,
        fields: closeFields(),
        action: 'Close all',
        isDangerous: true,
      })
      if (!answer) return false
      await call('POST', path`/v1/channels/${name}/close`, { body: closeBody(answer) })
    }),
  )
  main.append(
    h('p', { class: 'crumbs' }, h('a', { href: link(['channels']) }, 'Channels')),
    h('div', { class: 'row between' }, h('h1', { class: 'id' }, name), close),
    problem,
    h('section', { class: 'card' }, h('h2', null, 'Publish'), messageForm('A message to every member', (body) => call('POST', path`/v1/channels/${name}/messages`, { body }))),
    h('section', { class: 'card' }, title, list),
  )
  const read = async (abort) => {
    const [state] = await Promise.all([get(path`/v1/channels/${name}`, abort), list.read(abort)])
    members = state.members
    setText(title, `Members: ${count(members)}`)
  }
  list.whenTurned(live(signal, read, problem.tell))
}
