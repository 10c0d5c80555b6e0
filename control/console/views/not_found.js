import { h } from '../dom.js'
import { link } from '../router.js'

export function notFound({ main }) {
  main.append(h('h1', null, 'Nothing is here'), h('p', null, h('a', { href: link([]) }, 'To the overview')))
}
