// Elements are made here and nowhere else: text is always text, never markup.

// h('a', { href: '#/', class: 'name', onclick }, 'text', element, …); null and false leave something out.
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children)
}

export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

// Writes only what has changed: a selection, and a reader's eye, stay where they are.
export function setText(element, text) {
  const wanted = String(text)
  if (element.textContent !== wanted) element.textContent = wanted
}

export function setAttribute(element, name, value) {
  const wanted = value === null || value === undefined || value === false ? null : value === true ? '' : String(value)
  if (element.getAttribute(name) === wanted) return
  if (wanted === null) element.removeAttribute(name)
  else element.setAttribute(name, wanted)
}

export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown
}

// Children of `parent`, one for each item: made once for each key, then only updated and moved.
export function keyed(parent, items, keyOf, make, update) {
  const known = (parent.keyedChildren ??= new Map())
  const wanted = new Set(items.map(keyOf))
  for (const [key, child] of known) {
    if (wanted.has(key)) continue
    child.remove()
    known.delete(key)
  }
  let before = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    let child = known.get(key)
    if (!child) known.set(key, (child = make(item)))
    if (child === before) before = before.nextElementSibling
    else parent.insertBefore(child, before)
    update?.(child, item)
  }
}
