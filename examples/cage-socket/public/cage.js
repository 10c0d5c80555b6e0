// The browser's side: it draws the faces that are there, and turns its own.
//
// News comes by the socket as it happens; the whole list comes from /connections, which is a moment
// behind. `turns` says which of two states of a face is newer, an id that has gone never comes back,
// and a face is only dropped for not being listed when nothing has been heard of it for a while.
const FIRST_WAIT_MS = 500
const LAST_WAIT_MS = 15000
const FIRST_REFRESH_MS = 2000
const LAST_REFRESH_MS = 30000
const LIST_IS_BEHIND_MS = 3000
const GONE_KEPT = 1000

const SKINS = ['#f6d3b3', '#eab98d', '#d69a6a', '#b4764a', '#8a5534', '#5f3a24']
const HAIRS = ['#2a211c', '#54361f', '#8b5a2b', '#c79a4b', '#8d8d92', '#a2452a']

const $ = (id) => document.getElementById(id)
const { websocketUrl } = await (await fetch('config.json')).json()

let socket
let self
let wait = FIRST_WAIT_MS
let refreshTimer
let refreshPause
const faces = new Map() // id → {element, direction, turns, heardAt}
const gone = new Set()

// ---- drawing ----

// FNV-1a: ids that are alike get faces that are not.
function hash(text) {
  let value = 2166136261
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0), 16777619)
  return value >>> 0
}

function draw(id) {
  const element = $('face').content.firstElementChild.cloneNode(true)
  let seed = hash(id)
  const choose = (count) => {
    seed = Math.imul(seed ^ (seed >>> 15), 0x85ebca6b) >>> 0
    return (seed >>> 8) % count
  }
  element.dataset.id = id
  element.style.setProperty('--skin', SKINS[choose(SKINS.length)])
  element.style.setProperty('--hair', HAIRS[choose(HAIRS.length)])
  element.style.setProperty('--shirt', choose(360))
  element.dataset.hair = choose(3)
  element.dataset.extra = ['none', 'beard', 'glasses', 'none'][choose(4)]
  return element
}

function label(id, { element, direction }) {
  const name = id === self ? 'you' : id.slice(-4)
  element.classList.toggle('self', id === self)
  element.dataset.direction = direction
  element.querySelector('p').textContent = name
  element.querySelector('svg').setAttribute('aria-label', `${name}, ${direction === 'centre' ? 'looking at you' : `looking ${direction}`}`)
}

function showSelf() {
  const face = faces.get(self)
  if (face) sessionStorage.setItem('direction', face.direction)
  for (const button of document.querySelectorAll('button')) {
    button.disabled = !face || socket.readyState !== WebSocket.OPEN
    button.ariaPressed = String(face?.direction === button.dataset.direction)
  }
}

// ---- what is known ----

function put({ id, direction, turns }, heardAt) {
  if (gone.has(id)) return
  let face = faces.get(id)
  if (!face) {
    face = { element: draw(id), turns: -1, heardAt: -Infinity }
    faces.set(id, face)
    if (id === self) $('faces').prepend(face.element)
    else $('faces').append(face.element)
  }
  if (heardAt) face.heardAt = heardAt
  if (turns > face.turns) Object.assign(face, { direction, turns })
  label(id, face)
}

function drop(id) {
  gone.add(id)
  if (gone.size > GONE_KEPT) gone.delete(gone.values().next().value)
  faces.get(id)?.element.remove()
  faces.delete(id)
}

function changed() {
  $('count').textContent = faces.size
  showSelf()
}

async function refresh() {
  clearTimeout(refreshTimer)
  const asked = socket
  const heardBefore = performance.now() - LIST_IS_BEHIND_MS
  try {
    const answer = await fetch('connections')
    if (!answer.ok) throw new Error(`${answer.status}`)
    const list = await answer.json()
    if (asked !== socket || socket.readyState !== WebSocket.OPEN) return
    const listed = new Set(list.map(({ id }) => id))
    for (const face of list) put(face)
    for (const [id, { heardAt }] of faces) if (id !== self && !listed.has(id) && heardAt < heardBefore) drop(id)
    changed()
    show('open', 'connected')
  } catch {
    if (asked === socket && socket.readyState === WebSocket.OPEN) show('open', 'connected; the list of all faces cannot be had now')
  }
  if (asked !== socket) return
  clearTimeout(refreshTimer)
  refreshTimer = setTimeout(refresh, refreshPause * (0.75 + Math.random() / 2))
  refreshPause = Math.min(2 * refreshPause, LAST_REFRESH_MS)
}

const handlers = {
  you({ id }) {
    if (self) drop(self)
    self = id
    wait = FIRST_WAIT_MS
    refreshPause = FIRST_REFRESH_MS
    refresh()
  },
  face: (face) => put(face, performance.now()),
  gone: ({ id }) => drop(id),
  refused({ reason }) {
    console.warn(`refused: ${reason}`)
  },
}

// ---- the connection ----

function show(state, text) {
  document.body.dataset.state = $('status').dataset.state = state
  $('status').textContent = text
}

function address() {
  const url = new URL(websocketUrl)
  url.searchParams.set('direction', sessionStorage.getItem('direction') ?? 'centre')
  return url
}

function connect() {
  show('connecting', 'connecting…')
  socket = new WebSocket(address())
  socket.onopen = () => show('open', 'connected')
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data)
    handlers[message.type]?.(message)
    changed()
  }
  socket.onclose = () => {
    clearTimeout(refreshTimer)
    const pause = wait * (0.5 + Math.random() / 2)
    wait = Math.min(2 * wait, LAST_WAIT_MS)
    show('closed', `connection lost, trying again in ${Math.ceil(pause / 1000)} s`)
    showSelf()
    setTimeout(connect, pause)
  }
}

const turn = (direction) => {
  if (socket.readyState === WebSocket.OPEN) socket.send(direction)
}

for (const button of document.querySelectorAll('button')) button.onclick = () => turn(button.dataset.direction)

const KEYS = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'centre', ArrowDown: 'centre' }
document.onkeydown = (event) => {
  if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return
  event.preventDefault()
  turn(KEYS[event.key])
}

// Timers of a page that nobody sees are slow.
document.onvisibilitychange = () => {
  if (!document.hidden && socket.readyState === WebSocket.OPEN) refresh()
}

connect()
