import { tryToken } from '../api.js'
import { h, setText, show } from '../dom.js'
import { session } from '../session.js'

export function login({ main, parameters }) {
  const token = h('input', {
    id: 'token',
    name: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
    'aria-describedby': 'token-problem',
  })
  const problem = h('p', { class: 'notice bad', id: 'token-problem', role: 'alert', hidden: !parameters.why }, parameters.why)
  const button = h('button', { class: 'primary', type: 'submit' }, 'Enter')
  const form = h('form', { class: 'card login' }, [
    h('img', { src: '/console/icon.svg', alt: '', width: 44, height: 44 }),
    h('h1', null, 'slip-sockets'),
    h('p', { class: 'faint' }, 'Enter with a token for the REST API.'),
    h('label', { class: 'field' }, h('span', null, 'Token'), token),
    problem,
    button,
    h('details', null, [
      h('summary', null, 'How to get one'),
      h('p', null, 'Where the secret of the stack is:'),
      h('pre', null, 'slip token'),
      h('p', null, 'It needs JWT_SECRET or JWT_SECRET_FILE. Any JWT does: HS256 with that secret, iss “slip-sockets”, aud “ControlEvent”, and exp.'),
      h('p', null, 'The token stays in this tab until you log out or close it.'),
    ]),
  ])
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const value = token.value.trim().replace(/^Bearer\s+/i, '')
    button.disabled = true
    const why = await tryToken(value)
    button.disabled = false
    if (!why) return session.set(value)
    setText(problem, why)
    show(problem, true)
    token.select()
  })
  main.append(form)
  token.focus()
}
