// The frame around the views: who is logged in, where they are, how the reading goes.
import { forgetFigures, readFigures } from './figures.js'
import { h, setAttribute, setText } from './dom.js'
import { duration } from './format.js'
import { live, onHealth } from './live.js'
import { here, link, match } from './router.js'
import { claimsOf, session } from './session.js'
import { channel } from './views/channel.js'
import { channels } from './views/channels.js'
import { connection } from './views/connection.js'
import { connections } from './views/connections.js'
import { deadLetter } from './views/dead_letter.js'
import { deadLetters } from './views/dead_letters.js'
import { login } from './views/login.js'
import { notFound } from './views/not_found.js'
import { overview } from './views/overview.js'
import { process } from './views/process.js'
import { processes } from './views/processes.js'

const routes = [
  [[], overview],
  [['processes'], processes],
  [['processes', ':process'], process],
  [['channels'], channels],
  [['channels', ':channel'], channel],
  [['connections'], connections],
  [['connections', ':connection'], connection],
  [['dead-letters'], deadLetters],
  [['dead-letters', ':letter'], deadLetter],
]

const sections = [
  ['Overview', ''],
  ['Processes', 'processes'],
  ['Channels', 'channels'],
  ['Connections', 'connections'],
  ['Dead letters', 'dead-letters'],
]

// ---- the frame ----

const tabs = sections.map(([title, name]) => h('a', { href: link(name ? [name] : []), 'data-section': name }, title))
const health = h('span', { class: 'health', role: 'status' }, 'connecting')
const expiry = h('span', { class: 'faint expiry' })
const logOut = h('button', { type: 'button', id: 'log-out', onclick: () => session.set(null) }, 'Log out')
const main = h('main', { id: 'main', tabindex: -1 })
const skip = h('a', { class: 'skip', href: '#main', onclick: (event) => (event.preventDefault(), main.focus()) }, 'Skip to content')
const header = h(
  'header',
  null,
  h('a', { class: 'brand', href: link([]) }, h('img', { src: '/console/icon.svg', alt: '', width: 26, height: 26 }), 'slip-sockets'),
  h('nav', { 'aria-label': 'Sections' }, tabs),
  h('div', { class: 'row session' }, health, expiry, logOut),
)
document.body.prepend(skip, header, main)

onHealth((error) => {
  setText(health, error ? 'no answer' : 'live')
  setAttribute(health, 'data-state', error ? 'bad' : 'good')
})

// ---- what is shown ----

let view = new AbortController()
let reading = new AbortController()

function open(make, values, parameters) {
  view.abort()
  view = new AbortController()
  main.replaceChildren()
  make({ main, signal: view.signal, values, parameters })
  document.title = `${main.querySelector('h1')?.textContent ?? 'slip-sockets'} · slip-sockets`
  scrollTo(0, 0)
}

function showSection() {
  if (!session.token) return
  const { segments, parameters } = here()
  const found = match(routes, segments)
  for (const tab of tabs) setAttribute(tab, 'aria-current', tab.dataset.section === (segments[0] ?? '') ? 'page' : null)
  open(found?.view ?? notFound, found?.values ?? {}, parameters)
}

function showExpiry() {
  const exp = claimsOf(session.token ?? '')?.exp
  const left = exp - Date.now() / 1000
  setText(expiry, left > 0 ? `token: ${duration(left)}` : '')
}

function showSession(why = '') {
  const isIn = Boolean(session.token)
  setAttribute(document.body, 'data-session', isIn ? 'in' : 'out')
  reading.abort()
  reading = new AbortController()
  showExpiry()
  if (isIn) {
    live(reading.signal, readFigures, () => {})
    showSection()
    return
  }
  document.querySelectorAll('dialog').forEach((dialog) => dialog.close())
  forgetFigures()
  open(login, {}, { why })
}

session.onChange(showSession)
addEventListener('hashchange', () => {
  showSection()
  main.focus({ preventScroll: true })
})
setInterval(showExpiry, 5000)
showSession()
