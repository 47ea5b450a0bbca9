/** The queries of a file that separates them by comment lines holding a number. */
export function splitQueries(text: string): string[] {
  return text
    .split(/^-- \d+$/m)
    .slice(1)
    .map((query) => query.trim())
}
