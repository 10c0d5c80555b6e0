// JSON as the broker wants it: texts are Unicode, and nothing is nested too deeply.
import { invalid } from './errors.js'

/** Any JSON. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue }

// The broker reads 64 levels; a command stands in three of them.
const DEPTH_MAX = 61

// JSON.stringify() escapes exactly those surrogates that miss their other half.
const HALF_PAIR_OR_ESCAPE = /\\(?:(ud[89a-f][0-9a-f]{2})|.)/g

/**
 * JSON text. Half a surrogate pair, which is no text in UTF-8, becomes U+FFFD, as in WebSocket.send()
 * of browsers: a string that was cut in the middle of an emoji is sent all the same.
 */
export function toJson(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw invalid(`not JSON: ${(error as Error).message}`, error)
  }
  if (text === undefined) throw invalid(`not JSON: ${typeof value}`)
  return text.includes('\\ud') ? text.replace(HALF_PAIR_OR_ESCAPE, (all, half) => (half ? '\\ufffd' : all)) : text
}

/** Levels of arrays and objects in a JSON text. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (isInString && c === '\\') i++
    else if (c === '"') isInString = !isInString
    else if (isInString) continue
    else if (c === '{' || c === '[') deepest = Math.max(deepest, ++depth)
    else if (c === '}' || c === ']') depth--
  }
  return deepest
}

/** The JSON text of metadata. */
export function metadataToJson(metadata: unknown): string {
  const text = toJson(metadata)
  if (depthOf(text) > DEPTH_MAX) throw invalid(`metadata is nested more than ${DEPTH_MAX} levels deep`)
  return text
}
