/**
 * Bytes of all dictionaries of texts in one thread. DuckDB 1.5.5 makes each as large as it may become, 1 MiB by default: 100
 * columns of few texts took more than the engine has at 256MB, and row groups of any size did not help (0017).
 */
const ALL_BYTES = 8 * 1024 * 1024
const LARGEST_BYTES = 1024 * 1024

/** COPY's `STRING_DICTIONARY_PAGE_SIZE_LIMIT` for a file with so many columns of text or bytes. */
export function textDictionaryBytes(textColumns: number): number {
  return Math.min(LARGEST_BYTES, Math.floor(ALL_BYTES / Math.max(1, textColumns)))
}
