// Compiles src/ twice: dist/esm and dist/cjs, each with its types.
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
const tsc = join(dirname(manifest), 'bin', 'tsc')

const compile = (folder, type, ...options) => {
  execFileSync(process.execPath, [tsc, '-p', root, '--outDir', join(root, 'dist', folder), ...options], { stdio: 'inherit' })
  writeFileSync(join(root, 'dist', folder, 'package.json'), `${JSON.stringify({ type, sideEffects: false })}\n`)
}

rmSync(join(root, 'dist'), { recursive: true, force: true })
compile('esm', 'module')
compile('cjs', 'commonjs', '--module', 'commonjs', '--moduleResolution', 'bundler')
