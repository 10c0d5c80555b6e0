// Pieces that several views have.
import { h, keyed, setText, show } from './dom.js'
import { link } from './router.js'

// ---- what was done, and what went wrong ----

const toasts = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' })
document.body.append(toasts)

export function say(text, isBad = false) {
  const toast = h('p', { class: isBad ? 'toast bad' : 'toast' }, text)
  toasts.append(toast)
  setTimeout(() => toast.remove(), isBad ? 8000 : 4000)
}

// Runs what a button does: once at a time, and says what came of it.
export async function act(button, done, work) {
  button.disabled = true
  try {
    if ((await work()) !== false) say(done)
  } catch (error) {
    say(error.message, true)
  } finally {
    button.disabled = false
  }
}

// ---- states of a view ----

// A line above a view's content while it cannot be read; what was read before stays.
export function trouble() {
  const line = h('p', { class: 'notice bad', role: 'alert', hidden: true })
  line.tell = (error) => {
    if (error) setText(line, `${error.message.replace(/\.$/, '')}. Trying again.`)
    show(line, Boolean(error))
  }
  return line
}

export const loading = () => h('p', { class: 'empty' }, 'Loading …')

// ---- names that lead somewhere ----

export const connectionLink = (id) => h('a', { class: 'id', href: link(['connections', id]) }, id)
export const channelLink = (name) => h('a', { class: 'chip', href: link(['channels', name]) }, name)
export const processLink = (name) => h('a', { class: 'id', href: link(['processes', name]) }, name)

export function badge(text, kind = '') {
  return h('span', { class: `badge ${kind}` }, text)
}

export function setBadge(element, text, kind = '') {
  setText(element, text)
  const wanted = `badge ${kind}`
  if (element.className !== wanted) element.className = wanted
}

// ---- name and value ----

// facts({ State: element, … }): a description list.
export function facts(rows) {
  return h('dl', { class: 'facts' }, Object.entries(rows).map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))))
}

// ---- tables, page by page ----

/* columns: [{ title, class, make(item), update(cell, item) }]; either may be left out. `read(cursor, signal)`
 * gives { items, next }. The page is read again and again; rows stay where they are. */
export function listing({ label, columns, keyOf, read, empty }) {
  let cursors = ['']
  let onTurn = () => {}
  const body = h('tbody')
  const table = h(
    'table',
    { 'aria-label': label, hidden: true },
    h('thead', null, h('tr', null, columns.map((column) => h('th', { class: column.class, scope: 'col' }, column.title)))),
    body,
  )
  const note = loading()
  const previous = h('button', { type: 'button', onclick: () => turn(cursors.slice(0, -1)) }, '‹ Previous')
  const next = h('button', { type: 'button', onclick: () => turn([...cursors, next.cursor]) }, 'Next ›')
  const where = h('span', { class: 'faint' })
  const pager = h('nav', { class: 'pager', 'aria-label': `Pages of ${label}`, hidden: true }, previous, where, next)
  const root = h('div', { class: 'listing' }, table, note, pager)

  const turn = (to) => {
    cursors = to.length ? to : ['']
    setText(where, 'Loading …')
    onTurn()
  }

  const row = (item) => h('tr', null, columns.map((column) => h('td', { class: column.class }, column.make?.(item))))

  const update = (element, item) => {
    columns.forEach((column, i) => column.update?.(element.cells[i], item))
  }

  root.whenTurned = (listener) => (onTurn = listener)
  root.restart = () => turn([''])
  root.read = async (signal) => {
    const cursor = cursors.at(-1)
    const page = await read(cursor, signal)
    if (signal.aborted || cursor !== cursors.at(-1)) return
    keyed(body, page.items, keyOf, row, update)
    show(table, page.items.length > 0)
    show(note, page.items.length === 0)
    setText(note, cursors.length > 1 ? 'Nothing is left on this page.' : empty())
    next.cursor = page.next
    next.disabled = !page.next
    previous.disabled = cursors.length === 1
    setText(where, `Page ${cursors.length}`)
    show(pager, Boolean(page.next) || cursors.length > 1)
  }
  return root
}

// ---- a message to somebody ----

export function messageForm(label, send) {
  const text = h('textarea', { name: 'text', rows: 3, 'aria-label': label, placeholder: label })
  const binary = h('input', { type: 'checkbox', name: 'binary' })
  const button = h('button', { class: 'primary', type: 'submit' }, 'Send')
  const form = h(
    'form',
    { class: 'message' },
    text,
    h('div', { class: 'row' }, h('label', { class: 'check' }, binary, ' binary, as base64'), button),
  )
  const submit = () =>
    act(button, 'Sent.', async () => {
      await send(binary.checked ? { data: text.value.trim(), binary: true } : { data: text.value })
      text.value = ''
    })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    submit()
  })
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit()
  })
  return form
}

// What is asked before somebody is closed; what becomes the request's body.
export const closeFields = () => [
  { name: 'code', label: 'Code', type: 'number', min: 1000, max: 4999, value: 1000, required: true },
  { name: 'reason', label: 'Reason', type: 'text', maxlength: 123, hint: 'The client sees both.' },
]
export const closeBody = ({ code, reason }) => ({ code: Number(code), reason })
