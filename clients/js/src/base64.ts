// Base64 (RFC 4648 §4) on any runtime; Node's Buffer is used where it is, for speed.

interface BufferLike {
  from(data: ArrayBufferLike, offset: number, length: number): { toString(encoding: 'base64'): string }
  from(text: string, encoding: 'base64'): Uint8Array
}
const NodeBuffer = (globalThis as { Buffer?: BufferLike }).Buffer

const STEP = 0x8000 // arguments of one call

// The bits that no byte needs are 0.
const FORM = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/

/** Bytes in any of their usual forms. */
export type Bytes = ArrayBuffer | ArrayBufferView

/** A view of the same bytes, or null when it is something else. */
export function bytesOf(data: unknown): Uint8Array | null {
  if (data instanceof Uint8Array) return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  // By its name: it may come from another realm.
  return Object.prototype.toString.call(data) === '[object ArrayBuffer]' ? new Uint8Array(data as ArrayBuffer) : null
}

export function toBase64(bytes: Uint8Array): string {
  if (NodeBuffer) return NodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  let text = ''
  for (let i = 0; i < bytes.length; i += STEP) text += String.fromCharCode(...bytes.subarray(i, i + STEP))
  return btoa(text)
}

export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && FORM.test(text)
}

/** The bytes, or null when it is no base64. */
export function fromBase64(text: string): Uint8Array | null {
  if (!isBase64(text)) return null
  // A copy: Buffer is a Uint8Array with other habits.
  if (NodeBuffer) return new Uint8Array(NodeBuffer.from(text, 'base64'))
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
}
