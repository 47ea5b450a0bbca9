import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The path of a script of this package that a process or thread of its own runs; undefined where it is not installed. Beside
 * this file where it is bundled, or one folder above: chunks lie in a folder of their own. Run from its source, what was
 * built last.
 */
export function packagedScript(name: string): string | undefined {
  const isSource = import.meta.url.endsWith('.ts')
  return (isSource ? [`../../dist/${name}`] : [`./${name}`, `../${name}`])
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((path) => existsSync(path))
}
