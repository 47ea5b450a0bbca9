import { IceboxError, isIceboxError } from '../base/index.ts'
import { joinUri, type ObjectStore } from '../storage/index.ts'

/**
 * The file itself, or in the folder of a table: the version asked for, the one of `metadata/version-hint.text`, or the newest
 * metadata file. Rejects `storage/not-found`.
 */
export async function metadataFileOf(root: string, io: ObjectStore, version?: string): Promise<string> {
  if (/\.json(\.gz)?$/.test(root)) return root
  const files: { uri: string; number: number; lastModifiedMs: number }[] = []
  for await (const object of io.list(joinUri(root, 'metadata/'))) {
    const match = /\/v?(\d+)(?:-[^/]*)?(?:\.gz)?\.metadata\.json(?:\.gz)?$/.exec(object.uri)
    if (match !== null) files.push({ uri: object.uri, number: Number(match[1]), lastModifiedMs: object.lastModifiedMs })
  }
  const wanted = version === undefined || version === '?' ? await versionHint(root, io) : version
  if (wanted !== undefined) {
    const named = files.find(({ uri }) => new RegExp(`/v?${escape(wanted)}(?:\\.gz)?\\.metadata\\.json`).test(uri))
    const byNumber = /^\d+$/.test(wanted) ? files.find(({ number }) => number === Number(wanted)) : undefined
    const found = named ?? byNumber
    if (found !== undefined) return found.uri
  }
  const newest = files.toSorted((a, b) => b.number - a.number || b.lastModifiedMs - a.lastModifiedMs)[0]
  if (newest === undefined || (version !== undefined && version !== '?')) {
    throw new IceboxError('storage/not-found', {
      message:
        version === undefined || newest === undefined
          ? `there is no Iceberg metadata below ${joinUri(root, 'metadata')}`
          : `there is no metadata of version ${version} below ${joinUri(root, 'metadata')}`,
      remedy: 'give the folder of the table (it holds metadata/ and data/) or a *.metadata.json file',
      context: { location: root },
    })
  }
  return newest.uri
}

async function versionHint(root: string, io: ObjectStore): Promise<string | undefined> {
  try {
    using hint = await io.read(joinUri(root, 'metadata/version-hint.text'), { maxBytes: 4096 })
    return new TextDecoder().decode(hint.bytes).trim()
  } catch (error) {
    if (isIceboxError(error, 'storage/not-found')) return undefined
    throw error
  }
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
