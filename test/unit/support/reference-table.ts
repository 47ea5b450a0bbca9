import { readFile } from 'node:fs/promises'

/** Rows of the first table of a reference page whose header begins with `first`, cells without the backticks around them. */
export async function referenceRows(page: string, first: string): Promise<string[][]> {
  const lines = (await readFile(new URL(`../../../docs/reference/${page}`, import.meta.url), 'utf8')).split('\n')
  const header = lines.findIndex((line) => line.startsWith(`| ${first} |`))
  const rows: string[][] = []
  for (const line of lines.slice(header + 2)) {
    if (header < 0 || !line.startsWith('| ')) break
    rows.push(
      line
        .slice(2, line.lastIndexOf('|'))
        .split(' | ')
        .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
    )
  }
  return rows
}
