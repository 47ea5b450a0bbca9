import { IceboxError } from '../../base/index.ts'

const NAMES: Readonly<Record<string, 'utf-8' | 'utf-16' | 'latin-1'>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'utf-16': 'utf-16',
  utf16: 'utf-16',
  'utf-16le': 'utf-16',
  'latin-1': 'latin-1',
  latin1: 'latin-1',
  'iso-8859-1': 'latin-1',
}

/** The reader's name of an encoding; undefined for UTF-8. Rejects `source/encoding` for one that it does not read. */
export function encodingOf(name: string | undefined): 'utf-16' | 'latin-1' | undefined {
  if (name === undefined) return undefined
  const known = NAMES[name.toLowerCase()]
  if (known !== undefined) return known === 'utf-8' ? undefined : known
  throw new IceboxError('source/encoding', {
    message: `the encoding '${name}' cannot be read: utf-8, utf-16 (little-endian) and latin-1 can`,
    remedy: `convert the file: iconv -f ${name} -t UTF-8`,
    context: { encoding: name },
  })
}

/** Rejects `source/encoding` for the first bytes of a file that are of UTF-16 which is not asked for, or cannot be read. */
export function refuseWide(path: string, head: Uint8Array, encoding: string | undefined): void {
  if (head[0] === 0xfe && head[1] === 0xff) {
    throw new IceboxError('source/encoding', {
      message: `${path} is UTF-16 in big-endian order (its first bytes are its byte order mark), which cannot be read`,
      remedy: 'convert the file: iconv -f UTF-16 -t UTF-8',
      context: { file: path },
    })
  }
  if (encoding === undefined && head[0] === 0xff && head[1] === 0xfe) {
    throw new IceboxError('source/encoding', {
      message: `${path} is UTF-16 (its first bytes are a UTF-16 byte order mark)`,
      remedy: 'name the encoding: utf-16',
      context: { file: path },
    })
  }
}

/** Rejects `source/format` for a head whose lines end with CR alone, as they did before Mac OS X. */
export function refuseLoneReturns(path: string, text: string): void {
  if (text.includes('\n') || !text.replaceAll(/"[^"]*"/g, '').includes('\r')) return
  throw new IceboxError('source/format', {
    message: `the lines of ${path} end with CR alone, which cannot be read`,
    remedy: String.raw`convert the file: tr '\r' '\n'`,
    context: { file: path },
  })
}
