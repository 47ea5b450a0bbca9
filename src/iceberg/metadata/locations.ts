/** The folder of a table's metadata: `write.metadata.path`, else `<location>/metadata`; no slash at the end. */
export function metadataFolder(tableLocation: string, properties: Readonly<Record<string, string>>): string {
  return withoutSlash(properties['write.metadata.path'] ?? `${withoutSlash(tableLocation)}/metadata`)
}

/** The folder of a table's data files: `write.data.path`, else `<location>/data`; no slash at the end. */
export function dataFolder(tableLocation: string, properties: Readonly<Record<string, string>>): string {
  return withoutSlash(properties['write.data.path'] ?? `${withoutSlash(tableLocation)}/data`)
}

/**
 * Where the next metadata file goes: `<folder>/00001-<uuid>.metadata.json`, one number above the previous file's
 * (0 for a table without one, or when its name has no number), `.gz` before `.metadata.json` where
 * `write.metadata.compression-codec` is gzip. Plain JSON is the default, since DuckDB asks for a parameter for gzip.
 */
export function nextMetadataLocation(
  tableLocation: string,
  previousLocation: string | undefined,
  uuid: string,
  properties: Readonly<Record<string, string>>,
): string {
  const version = previousLocation === undefined || previousLocation === '' ? 0 : versionOf(previousLocation) + 1
  const gzip = properties['write.metadata.compression-codec']?.toLowerCase() === 'gzip' ? '.gz' : ''
  return `${metadataFolder(tableLocation, properties)}/${String(version).padStart(5, '0')}-${uuid}${gzip}.metadata.json`
}

/** The number of `00012-<uuid>.metadata.json` or `v12.metadata.json`; -1 where there is none. */
function versionOf(location: string): number {
  const name = location.slice(location.lastIndexOf('/') + 1)
  const digits = /^v?(\d{1,15})(?=[-.])/.exec(name)?.[1]
  return digits === undefined ? -1 : Number(digits)
}

function withoutSlash(uri: string): string {
  return uri.length > 1 && uri.endsWith('/') ? withoutSlash(uri.slice(0, -1)) : uri
}
