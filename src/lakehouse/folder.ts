import { access, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { IceboxError, makeFolders, messageOf, systemCode } from '../base/index.ts'

/** The file that makes a folder a lakehouse. */
export const CONFIG_FILE = 'icebox.yaml'
export const CATALOG_FILE = 'catalog.sqlite'
/** Icebox's own state; may be deleted while nothing runs. */
export const STATE_FOLDER = '.icebox'

/** Where the parts of a lakehouse are, absolute paths. */
export interface LakeFolder {
  readonly root: string
  readonly configFile: string
  readonly catalogFile: string
  readonly warehouse: string
  readonly state: string
}

export function lakeFolder(root: string): LakeFolder {
  const absolute = resolve(root)
  return {
    root: absolute,
    configFile: join(absolute, CONFIG_FILE),
    catalogFile: join(absolute, CATALOG_FILE),
    warehouse: join(absolute, 'warehouse'),
    state: join(absolute, STATE_FOLDER),
  }
}

/**
 * The lakehouse to open: `given` (-C), else ICEBOX_HOME, else the nearest parent of the working folder that has an
 * icebox.yaml. Rejects `lake/not-found` with the places that were looked at.
 */
export async function findLake(given: string | undefined, env: NodeJS.ProcessEnv, cwd: string): Promise<LakeFolder> {
  const named = given ?? env['ICEBOX_HOME']
  if (named !== undefined && named !== '') {
    const folder = lakeFolder(resolve(cwd, named))
    if (await exists(folder.configFile)) return folder
    throw notFound(`no lakehouse in ${folder.root}: it has no ${CONFIG_FILE}`, folder.root)
  }
  for (let at = resolve(cwd); ; at = dirname(at)) {
    const folder = lakeFolder(at)
    if (await exists(folder.configFile)) return folder
    if (dirname(at) === at)
      throw notFound(`no lakehouse in ${resolve(cwd)} or a folder above it: none has an ${CONFIG_FILE}`, resolve(cwd))
  }
}

function notFound(message: string, place: string): IceboxError {
  return new IceboxError('lake/not-found', {
    message,
    remedy: 'make one with `icebox init DIR`, or name one with -C DIR or ICEBOX_HOME',
    context: { place },
  })
}

/**
 * Makes the folder and its configuration file. Other files may be there already; a lakehouse may not (`lake/exists`).
 * The catalog is made by opening it. Rejects `storage/denied`, `storage/full`, `storage/io`.
 */
export async function makeLake(root: string, configText: string): Promise<LakeFolder> {
  const folder = lakeFolder(root)
  if ((await exists(folder.configFile)) || (await exists(folder.catalogFile))) {
    throw new IceboxError('lake/exists', {
      message: `${folder.root} is a lakehouse already`,
      remedy: 'open it, or choose another folder',
      context: { folder: folder.root },
    })
  }
  try {
    await makeFolders(folder.warehouse)
    await makeFolders(folder.state)
    await writeFile(folder.configFile, configText, { flag: 'wx' })
  } catch (error) {
    throw folderError(error, `make a lakehouse in ${folder.root}`)
  }
  return folder
}

/** Makes the folder of own state where somebody removed it. Rejects `storage/denied`, `storage/full`, `storage/io`. */
export async function makeState(folder: LakeFolder): Promise<void> {
  try {
    await makeFolders(folder.state)
  } catch (error) {
    throw folderError(error, `make ${folder.state}`)
  }
}

function folderError(error: unknown, what: string): IceboxError {
  const system = systemCode(error)
  const code =
    system === 'EACCES' || system === 'EPERM' || system === 'EROFS'
      ? 'storage/denied'
      : system === 'ENOSPC'
        ? 'storage/full'
        : 'storage/io'
  const remedy =
    code === 'storage/denied' ? 'choose a folder that you may write to' : 'check the path and the space on its device'
  return new IceboxError(code, {
    message: `cannot ${what}: ${messageOf(error)}`,
    remedy,
    cause: error,
  })
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false
    throw folderError(error, `look for ${path}`)
  }
}
