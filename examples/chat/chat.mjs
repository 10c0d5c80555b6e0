// The chat itself: events of the broker in, commands for the broker out. It knows no HTTP.
//
// What it sends to browsers is JSON in text frames:
//   {type: 'welcome', id, name, people}     to the newcomer
//   {type: 'joined' | 'left' | 'renamed', id, name, people}
//   {type: 'said', id, name, text, at}
//
// Its only state is who is there, and that is rebuilt from the events' metadata after a restart.
const CHANNEL = 'chat'
const NAME_LENGTH = 24
const TEXT_LENGTH = 2000

const cleanName = (text) =>
  [...String(text ?? '').replace(/[\p{C}\s]+/gu, ' ').trim()].slice(0, NAME_LENGTH).join('')

export class Chat {
  #people = new Map() // connection id → name

  // One request's body, of either form; returns the body of the answer. Throws on anything else.
  handle(body) {
    const requests = Array.isArray(body?.batch) ? body.batch : [body]
    const commands = requests.flatMap(({ events, metadata }) =>
      events.flatMap((event) => this.#commandsFor(event, metadata)),
    )
    return { events: commands }
  }

  #commandsFor(event, metadata) {
    const id = event.connectionId
    switch (event.type) {
      case 'OPEN':
        return this.#join(id, event)
      case 'TEXT':
        return this.#text(id, this.#nameOf(id, metadata), event.data)
      case 'BINARY':
        return []
      case 'CLOSE':
        return this.#leave(id, metadata)
      default:
        throw new TypeError(`unknown event ${event.type}`)
    }
  }

  #join(id, event) {
    const wanted = new URLSearchParams(event.query ?? '').get('name')
    const name = cleanName(wanted) || `guest ${id.slice(-4)}`
    this.#people.set(id, name)
    return [
      { type: 'ACCEPT', connectionId: id },
      { type: 'SET_METADATA', connectionId: id, metadata: { name } },
      this.#send(id, { type: 'welcome', id, name, people: this.#list() }),
      this.#publish({ type: 'joined', id, name, people: this.#list() }),
      { type: 'SUBSCRIBE', connectionId: id, channel: CHANNEL },
    ]
  }

  #text(id, name, text) {
    const line = text.trim().slice(0, TEXT_LENGTH)
    if (line === 'quit') return [{ type: 'CLOSE', connectionId: id, code: 1000, reason: 'bye' }]
    const newName = line.startsWith('/name ') ? cleanName(line.slice(6)) : ''
    if (newName) return this.#rename(id, newName)
    return line ? [this.#publish({ type: 'said', id, name, text: line, at: Date.now() })] : []
  }

  #rename(id, name) {
    this.#people.set(id, name)
    return [
      { type: 'SET_METADATA', connectionId: id, metadata: { name } },
      this.#publish({ type: 'renamed', id, name, people: this.#list() }),
    ]
  }

  #leave(id, metadata) {
    const name = this.#nameOf(id, metadata)
    this.#people.delete(id)
    return [this.#publish({ type: 'left', id, name, people: this.#list() })]
  }

  #nameOf(id, metadata) {
    const name = metadata?.name ?? this.#people.get(id) ?? `guest ${id.slice(-4)}`
    this.#people.set(id, name)
    return name
  }

  #list() {
    return [...this.#people].map(([id, name]) => ({ id, name }))
  }

  #send(id, message) {
    return { type: 'TEXT', connectionId: id, data: JSON.stringify(message) }
  }

  #publish(message) {
    return { type: 'PUBLISH_TEXT', channelId: CHANNEL, data: JSON.stringify(message) }
  }
}
