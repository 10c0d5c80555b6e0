// Questions in a dialog. The page behind it stays as it is.
import { h } from './dom.js'

// fields: [{ name, label, type, value, … }]. The values, or null when the person would rather not.
export function ask({ title, text, fields = [], action, isDangerous = false }) {
  const inputs = fields.map(({ label, hint, ...field }) => {
    const input = h('input', { autocomplete: 'off', ...field })
    return { input, row: h('label', { class: 'field' }, h('span', null, label), input, hint && h('small', null, hint)) }
  })
  const cancel = h('button', { type: 'button' }, 'Cancel')
  const form = h(
    'form',
    { method: 'dialog' },
    h('h2', null, title),
    text && h('p', null, text),
    ...inputs.map(({ row }) => row),
    h('div', { class: 'row end' }, cancel, h('button', { class: isDangerous ? 'danger' : 'primary', type: 'submit' }, action)),
  )
  const dialog = h('dialog', { 'aria-label': title }, form)
  return new Promise((resolve) => {
    let answer = null
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      answer = Object.fromEntries(inputs.map(({ input }) => [input.name, input.value]))
      dialog.close()
    })
    cancel.addEventListener('click', () => dialog.close())
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(answer)
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}
