import { normalizeLocation, type ObjectStore } from '../../storage/index.ts'

/** A table whose folder was moved: locations that its metadata names below `from` are read below `to`. */
export function relocated(
  io: ObjectStore,
  from: string,
  to: string,
): { io: ObjectStore; locate: (uri: string) => string } {
  const base = `${normalizeLocation(from)}/`
  const locate = (uri: string): string => {
    const place = normalizeLocation(uri)
    return place.startsWith(base) ? `${to.replace(/\/+$/, '')}/${place.slice(base.length)}` : uri
  }
  return {
    locate,
    io: {
      reads: io.reads,
      head: (uri, signal) => io.head(locate(uri), signal),
      read: (uri, options) => io.read(locate(uri), options),
      readRange: (uri, offset, length, signal) => io.readRange(locate(uri), offset, length, signal),
      readStream: (uri, options) => io.readStream(locate(uri), options),
      create: (uri, body, signal) => io.create(locate(uri), body, signal),
      createUnflushed: (uri, body, signal) => io.createUnflushed(locate(uri), body, signal),
      list: (prefix, signal) => io.list(locate(prefix), signal),
      delete: (uris, signal) => io.delete(uris.map(locate), signal),
    },
  }
}
