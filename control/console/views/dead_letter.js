import { call, get, path } from '../api.js'
import { ask } from '../ask.js'
import { h, setText, show } from '../dom.js'
import { ago, count, json, moment } from '../format.js'
import { live } from '../live.js'
import { act, badge, connectionLink, facts, loading, setBadge, trouble } from '../parts.js'
import { go, link } from '../router.js'
import { letterState, outcome } from './dead_letters.js'

export function deadLetter({ main, signal, values }) {
  const id = values.letter
  const problem = trouble()
  const wait = loading()
  const state = badge('')
  const cells = {
    connection: h('span'),
    kind: h('span'),
    attempts: h('span'),
    outcome: h('span', { id: 'outcome' }),
    created: h('span'),
    key: h('span', { class: 'id' }),
  }
  const events = h('pre', { id: 'events', tabindex: 0 })
  const metadata = h('pre', { id: 'metadata', tabindex: 0 })
  const replay = h('button', { type: 'button', class: 'primary' }, 'Replay')
  const discard = h('button', { type: 'button', class: 'danger' }, 'Discard …')
  const content = h('div', { hidden: true }, [
    h('section', { class: 'card' }, facts({
      State: state,
      Connection: cells.connection,
      'Given up': cells.created,
      Attempts: cells.attempts,
      'Last outcome': cells.outcome,
      Kind: cells.kind,
      'Idempotency-Key': cells.key,
    })),
    h('section', { class: 'card' }, h('h2', null, 'Events'), events),
    h('section', { class: 'card' }, h('h2', null, 'Metadata'), metadata),
  ])
  main.append(
    h('p', { class: 'crumbs' }, h('a', { href: link(['dead-letters']) }, 'Dead letters')),
    h('div', { class: 'row between' }, h('h1', null, `Dead letter #${id}`), h('div', { class: 'row' }, replay, discard)),
    problem,
    wait,
    content,
  )

  const update = (found) => {
    show(wait, !found)
    show(content, Boolean(found))
    show(discard, Boolean(found))
    show(replay, Boolean(found) && !found.replayedAt && !found.replayRequestedAt)
    if (!found) return setText(wait, 'There is no such dead letter. It may have been discarded.')
    setBadge(state, ...letterState(found))
    if (!cells.connection.firstChild) cells.connection.append(connectionLink(found.connectionId))
    setText(cells.created, `${moment(found.createdAt)} (${ago(found.createdAt)})`)
    setText(cells.attempts, count(found.attempts))
    setText(cells.outcome, outcome(found))
    setText(cells.kind, found.kind === 'close' ? 'the end of a connection' : 'events')
    setText(cells.key, found.idempotencyKey)
    setText(events, json(found.events))
    setText(metadata, json(found.metadata))
  }

  const read = async (abort) => {
    try {
      update(await get(path`/v1/dead-letters/${id}`, abort))
    } catch (error) {
      if (error.status !== 404) throw error
      update(null)
    }
  }
  const again = live(signal, read, problem.tell)

  replay.addEventListener('click', () =>
    act(replay, 'It is going to be replayed.', async () => {
      await call('POST', path`/v1/dead-letters/${id}/replay`)
      again()
    }),
  )
  discard.addEventListener('click', () =>
    act(discard, 'Discarded.', async () => {
      const answer = await ask({
        title: `Discard dead letter #${id}?`,
        text: 'Its events are gone for good: the backend will never see them.',
        action: 'Discard it',
        isDangerous: true,
      })
      if (!answer) return false
      await call('DELETE', path`/v1/dead-letters/${id}`)
      go(['dead-letters'])
    }),
  )
}
