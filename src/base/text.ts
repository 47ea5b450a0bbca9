/**
 * Where a text holds half of a surrogate pair, or -1. It has no UTF-8: what encodes the text writes U+FFFD in its place
 * without a word. In errors: `holds half of a surrogate pair`.
 */
export function halfPairAt(text: string): number {
  return text.search(/\p{Surrogate}/u)
}
