/** Thrown as zlib does, so that both are asked again with more room. */
class TooLarge extends RangeError {
  readonly code = 'ERR_BUFFER_TOO_LARGE'
}

/**
 * Unpacks zstd frames (RFC 8878). Throws `ERR_BUFFER_TOO_LARGE`, as zlib does, when there are more than `maxOutputLength`
 * bytes; what its pieces take is freed with it.
 */
export async function unpackZstandard(bytes: Uint8Array, maxOutputLength: number): Promise<Uint8Array> {
  const { Decompress } = await import('fzstd')
  const pieces: Uint8Array[] = []
  let length = 0
  const stream = new Decompress((piece) => {
    length += piece.byteLength
    if (length > maxOutputLength) throw new TooLarge(`more than ${maxOutputLength} bytes`)
    pieces.push(piece)
  })
  stream.push(bytes, true)
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, length)
}
