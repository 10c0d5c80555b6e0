// Results as JUnit's XML, which tests/lib/count.py counts. Node 18 has no reporter for it.
const escape = (text) => String(text).replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\t\n\r\x20-\uffff]/g, '?')

export default async function* junit(events) {
  yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="clients/js">\n'
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    // On some versions a file is a test too, but not one of ours; unless it fails.
    if (type === 'test:pass' && data.name.endsWith('.test.mjs')) continue
    const { error } = data.details
    const why = error?.cause?.stack ?? error?.stack ?? error
    const seconds = (data.details.duration_ms / 1000).toFixed(3)
    yield `<testcase classname="clients/js" name="${escape(data.name)}" time="${seconds}">`
    if (type === 'test:fail') yield `<failure>${escape(why)}</failure>`
    else if (data.skip !== undefined) yield '<skipped/>'
    yield '</testcase>\n'
  }
  yield '</testsuite>\n'
}
