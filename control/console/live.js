// Reads again and again while a view is seen, one read at a time; says in the header how it goes.
const listeners = new Set()

export function onHealth(listener) {
  listeners.add(listener)
}

function tell(error) {
  for (const listener of listeners) listener(error)
}

function seen() {
  return new Promise((resolve) => {
    if (!document.hidden) return resolve()
    document.addEventListener('visibilitychange', () => resolve(), { once: true })
  })
}

// read(signal) until the signal aborts; its errors go to `failed` (null: it is well again). Returns a
// function that reads at once instead of waiting.
export function live(signal, read, failed, everyMs = 1500) {
  let wake = () => {}
  const pause = () =>
    new Promise((resolve) => {
      wake = resolve
      setTimeout(resolve, everyMs)
    })
  const run = async () => {
    while (!signal.aborted) {
      try {
        await read(signal)
        if (signal.aborted) return
        failed(null)
        tell(null)
      } catch (error) {
        if (signal.aborted) return
        failed(error)
        tell(error)
      }
      await pause()
      await seen()
    }
  }
  run()
  return () => wake()
}
