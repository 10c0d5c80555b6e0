import { call, get, path } from '../api.js'
import { ask } from '../ask.js'
import { h, keyed, setText, show } from '../dom.js'
import { ago, json, moment } from '../format.js'
import { live } from '../live.js'
import { act, badge, channelLink, closeBody, closeFields, facts, loading, messageForm, setBadge, trouble } from '../parts.js'
import { link } from '../router.js'
import { stateKind } from './connections.js'

function closeButton(id) {
  const button = h('button', { type: 'button', class: 'danger' }, 'Close …')
  button.addEventListener('click', () =>
    act(button, 'Closed.', async () => {
      const answer = await ask({ title: 'Close the connection?', fields: closeFields(), action: 'Close it', isDangerous: true })
      if (!answer) return false
      await call('POST', path`/v1/connections/${id}/close`, { body: closeBody(answer) })
    }),
  )
  return button
}

export function connection({ main, signal, values }) {
  const id = values.connection
  const problem = trouble()
  const wait = loading()
  const state = badge('')
  const cells = { edge: h('span'), ip: h('span'), path: h('span', { class: 'id' }), since: h('span'), opened: h('span') }
  const metadata = h('pre', { id: 'metadata', tabindex: 0 })
  const channels = h('ul', { class: 'chips', id: 'channels' })
  const noChannel = h('p', { class: 'empty' }, 'It is in no channel.')
  const letters = h('a', { href: link(['dead-letters'], { connection: id }) }, 'Its dead letters')
  const close = closeButton(id)
  const actions = h('section', { class: 'card' }, h('h2', null, 'Send'), messageForm('A message to this client', (body) => call('POST', path`/v1/connections/${id}/messages`, { body })))
  const content = h('div', { hidden: true }, [
    h('section', { class: 'card' }, facts({ State: state, Edge: cells.edge, Address: cells.ip, Path: cells.path, Came: cells.since, Accepted: cells.opened }), letters),
    actions,
    h('section', { class: 'card' }, h('h2', null, 'Channels'), channels, noChannel),
    h('section', { class: 'card' }, h('h2', null, 'Metadata'), metadata),
  ])
  main.append(
    h('p', { class: 'crumbs' }, h('a', { href: link(['connections']) }, 'Connections')),
    h('div', { class: 'row between' }, h('h1', { class: 'id' }, id), close),
    problem,
    wait,
    content,
  )

  let wasThere = false
  const update = (found) => {
    wasThere ||= Boolean(found)
    show(wait, !wasThere)
    show(content, wasThere)
    show(close, Boolean(found))
    show(actions, Boolean(found))
    if (!found) {
      setText(wait, 'There is no such connection. It may have ended.')
      setBadge(state, 'ended', 'bad')
      return
    }
    setBadge(state, found.state, stateKind[found.state])
    setText(cells.edge, found.edge)
    setText(cells.ip, found.ip ?? '–')
    setText(cells.path, found.path ?? '–')
    setText(cells.since, `${moment(found.createdAt)} (${ago(found.createdAt)})`)
    setText(cells.opened, moment(found.openedAt))
    setText(metadata, json(found.metadata))
    show(noChannel, found.channels.length === 0)
    keyed(channels, found.channels, (name) => name, (name) => h('li', null, channelLink(name)))
  }

  const read = async (abort) => {
    try {
      update(await get(path`/v1/connections/${id}`, abort))
    } catch (error) {
      if (error.status !== 404) throw error
      update(null)
    }
  }
  live(signal, read, problem.tell)
}
