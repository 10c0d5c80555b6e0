import assert from 'node:assert/strict'
import test from 'node:test'
import { Chat } from '../chat.mjs'

const one = (type, connectionId, more = {}, metadata = null) => ({
  connectionId,
  metadata,
  events: [{ type, connectionId, ...more }],
})
const said = (command) => JSON.parse(command.data)
const types = ({ events }) => events.map(({ type }) => type)

test('a newcomer is accepted, greeted, announced, and subscribed last', () => {
  const chat = new Chat()
  const { events } = chat.handle(one('OPEN', 'id-0001', { query: 'name=Ada%20L' }))
  assert.deepEqual(types({ events }), ['ACCEPT', 'SET_METADATA', 'TEXT', 'PUBLISH_TEXT', 'SUBSCRIBE'])
  assert.deepEqual(events[1].metadata, { name: 'Ada L' })
  const people = [{ id: 'id-0001', name: 'Ada L' }]
  assert.deepEqual(said(events[2]), { type: 'welcome', id: 'id-0001', name: 'Ada L', people })
  assert.deepEqual(said(events[3]), { type: 'joined', id: 'id-0001', name: 'Ada L', people })
  assert.deepEqual(events[4], { type: 'SUBSCRIBE', connectionId: 'id-0001', channel: 'chat' })
})

test('names are bounded, of one line, and made up when there is none', () => {
  const chat = new Chat()
  const nameOf = (query) => said(chat.handle(one('OPEN', 'id-0001', { query })).events[2]).name
  assert.equal(nameOf(undefined), 'guest 0001')
  assert.equal(nameOf('name=%20%0A'), 'guest 0001')
  assert.equal(nameOf('name=a%0Ab%00c'), 'a b c')
  assert.equal(nameOf(`name=${'x'.repeat(99)}`), 'x'.repeat(24))
})

test('text is published under the name that the metadata holds', () => {
  const chat = new Chat()
  const { events } = chat.handle(one('TEXT', 'id-0001', { data: ' hi ' }, { name: 'Ada' }))
  assert.deepEqual(types({ events }), ['PUBLISH_TEXT'])
  assert.equal(events[0].channelId, 'chat')
  const { at, ...message } = said(events[0])
  assert.deepEqual(message, { type: 'said', id: 'id-0001', name: 'Ada', text: 'hi' })
  assert.ok(Math.abs(Date.now() - at) < 60_000)
})

test('nothing said, nothing published', () => {
  const chat = new Chat()
  assert.deepEqual(chat.handle(one('TEXT', 'id-0001', { data: '  ' })).events, [])
  assert.deepEqual(chat.handle(one('BINARY', 'id-0001', { data: 'AAE=' })).events, [])
})

test('quit closes', () => {
  const { events } = new Chat().handle(one('TEXT', 'id-0001', { data: 'quit' }, { name: 'Ada' }))
  assert.deepEqual(events, [{ type: 'CLOSE', connectionId: 'id-0001', code: 1000, reason: 'bye' }])
})

test('a new name goes into the metadata and is told', () => {
  const { events } = new Chat().handle(one('TEXT', 'id-0001', { data: '/name Grace' }, { name: 'Ada' }))
  assert.deepEqual(types({ events }), ['SET_METADATA', 'PUBLISH_TEXT'])
  assert.deepEqual(events[0].metadata, { name: 'Grace' })
  assert.deepEqual(said(events[1]), {
    type: 'renamed', id: 'id-0001', name: 'Grace', people: [{ id: 'id-0001', name: 'Grace' }],
  })
})

test('who leaves is told to the others, and twice is as good as once', () => {
  const chat = new Chat()
  chat.handle(one('OPEN', 'id-0001', { query: 'name=Ada' }))
  chat.handle(one('OPEN', 'id-0002', { query: 'name=Grace' }))
  for (let i = 0; i < 2; i++) {
    const { events } = chat.handle(one('CLOSE', 'id-0001', { code: 1006 }, { name: 'Ada' }))
    assert.deepEqual(said(events[0]), {
      type: 'left', id: 'id-0001', name: 'Ada', people: [{ id: 'id-0002', name: 'Grace' }],
    })
  }
})

test('after a restart the list heals from the metadata', () => {
  const chat = new Chat()
  chat.handle(one('TEXT', 'id-0001', { data: 'hi' }, { name: 'Ada' }))
  const { events } = chat.handle(one('OPEN', 'id-0002', { query: 'name=Grace' }))
  assert.deepEqual(said(events[2]).people.map(({ name }) => name), ['Ada', 'Grace'])
})

test('several connections in one request', () => {
  const { events } = new Chat().handle({
    batch: [one('TEXT', 'a', { data: '1' }, { name: 'A' }), one('TEXT', 'b', { data: '2' }, { name: 'B' })],
  })
  assert.deepEqual(events.map((command) => said(command).text), ['1', '2'])
})

test('what is not the contract is refused', () => {
  for (const body of [null, {}, { events: 1 }, [], one('DANCE', 'a'), { batch: [{}] }])
    assert.throws(() => new Chat().handle(body), TypeError)
})
