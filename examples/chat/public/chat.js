// The browser's side of the chat.
const FIRST_WAIT_MS = 500
const LAST_WAIT_MS = 15000
const LINES_KEPT = 500

const $ = (id) => document.getElementById(id)
const { websocketUrl } = await (await fetch('config.json')).json()

let socket
let self
let wait = FIRST_WAIT_MS
let isOver = false

// The broker listens where the page came from, unless it has a name of its own.
function address(name) {
  const url = new URL(websocketUrl)
  if (['127.0.0.1', 'localhost', '0.0.0.0', '[::1]', '[::]'].includes(url.hostname)) url.hostname = location.hostname
  url.searchParams.set('name', name)
  return url
}

function element(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

// FNV-1a: ids that are alike get colours that are not.
function hash(text) {
  let value = 2166136261
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0), 16777619)
  return value >>> 0
}

function face(id, name) {
  const made = element('span', 'face', [...name][0]?.toUpperCase() ?? '?')
  made.style.setProperty('--hue', hash(id) % 360)
  made.title = name
  return made
}

function add(line) {
  const view = document.querySelector('main')
  const isAtEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 80
  $('lines').append(line)
  while ($('lines').children.length > LINES_KEPT) $('lines').firstChild.remove()
  if (isAtEnd) view.scrollTop = view.scrollHeight
}

const note = (text) => add(element('li', 'note', text))

function showPeople(people) {
  $('count').textContent = people.length
  $('people').replaceChildren(
    ...people.map(({ id, name }) => {
      const item = element('li')
      item.append(face(id, name), element('span', '', id === self ? `${name} (you)` : name))
      return item
    }),
  )
}

function showSaid({ id, name, text, at }) {
  const line = element('li', id === self ? 'said mine' : 'said')
  const head = element('div')
  const when = new Date(at)
  const time = element('time', '', when.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }))
  time.dateTime = when.toISOString()
  head.append(element('b', '', name), time)
  line.append(face(id, name), head, element('p', '', text))
  add(line)
}

const handlers = {
  welcome({ id, name, people }) {
    self = id
    $('name').value = name
    sessionStorage.setItem('name', name)
    showPeople(people)
  },
  said: showSaid,
  joined({ name, people }) {
    note(`${name} has joined`)
    showPeople(people)
  },
  left({ name, people }) {
    note(`${name} has left`)
    showPeople(people)
  },
  renamed({ id, name, people }) {
    if (id === self) sessionStorage.setItem('name', name)
    note(`${id === self ? 'You are' : 'Somebody is'} now ${name}`)
    showPeople(people)
  },
}

function show(state, text) {
  $('status').dataset.state = state
  $('status').textContent = text
  document.querySelector('form button').disabled = state !== 'open'
}

function connect() {
  show('connecting', 'connecting…')
  socket = new WebSocket(address(sessionStorage.getItem('name') ?? ''))
  socket.onopen = () => {
    wait = FIRST_WAIT_MS
    show('open', 'connected')
  }
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data)
    handlers[message.type]?.(message)
  }
  socket.onclose = ({ code }) => {
    showPeople([])
    if (isOver || code === 1000) {
      show('closed', 'you have left; reload to come back')
      return
    }
    const pause = wait * (0.5 + Math.random() / 2)
    wait = Math.min(2 * wait, LAST_WAIT_MS)
    show('closed', `connection lost, trying again in ${Math.ceil(pause / 1000)} s`)
    setTimeout(connect, pause)
  }
}

$('form').onsubmit = (event) => {
  event.preventDefault()
  const text = $('text').value.trim()
  if (!text || socket.readyState !== WebSocket.OPEN) return
  isOver = text === 'quit'
  socket.send(text)
  $('text').value = ''
}

$('name').onchange = () => {
  const name = $('name').value.trim()
  if (name && socket.readyState === WebSocket.OPEN) socket.send(`/name ${name}`)
}

connect()
$('text').focus()
