/**
 * A count for people: `1,234,567`. By hand, since the locale data that `toLocaleString` loads costs 8 MB of resident memory
 * (measured on Node 20.20), which the engine would miss.
 */
export function formatCount(count: number | bigint): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
