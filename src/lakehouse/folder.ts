import { constants } from 'node:fs'
import { access, lstat, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
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

/** Where a process keeps what it needs beside the tables: spilled data, small files of its own, the journal of those. */
export interface StateFolder {
  readonly path: string
  /** Nothing of the lakehouse can be written: the state lies elsewhere, and writes of tables have no journal. */
  readonly isElsewhere: boolean
}

/**
 * The lakehouse's own folder of state, made where somebody removed it; where it cannot be written (a read-only mount, the
 * lakehouse of another user), a folder of this user in `spillDirectory`, else among the temporary files: the next start
 * finds there what a killed process left. Rejects `storage/denied`, `storage/full`, `storage/io`.
 */
export async function openState(folder: LakeFolder, spillDirectory: string | undefined): Promise<StateFolder> {
  try {
    await makeFolders(folder.state)
    await access(folder.state, constants.W_OK)
    return { path: folder.state, isElsewhere: false }
  } catch (error) {
    if (!isDenied(error)) throw folderError(error, `make ${folder.state}`)
    return { path: await ownFolderIn(spillDirectory ?? tmpdir()), isElsewhere: true }
  }
}

/** `icebox-<uid>` in a folder that others may write too: it must be this user's, and closed to others. */
async function ownFolderIn(parent: string): Promise<string> {
  const uid = process.getuid?.()
  const path = join(parent, `icebox-${uid ?? 'user'}`)
  try {
    await makeFolders(parent)
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error
    })
    const stats = await lstat(path)
    if (stats.isDirectory() && (uid === undefined || stats.uid === uid) && (stats.mode & 0o022) === 0) return path
  } catch (error) {
    const remedy = 'set performance.memory.spill_directory to a folder that can be written, on a disk'
    throw folderError(error, `make ${path}, since nothing of the lakehouse can be written`, remedy)
  }
  throw new IceboxError('storage/denied', {
    message: `${path} is not a folder that only this user can write`,
    remedy: 'remove it, or set performance.memory.spill_directory to a folder of your own',
    context: { path },
  })
}

/** An error of the system in the way of `what` we wanted; `denied` says what to do where it is a matter of rights. */
export function folderError(
  error: unknown,
  what: string,
  denied = 'choose a folder that you may write to',
): IceboxError {
  const code = isDenied(error) ? 'storage/denied' : systemCode(error) === 'ENOSPC' ? 'storage/full' : 'storage/io'
  const remedy = code === 'storage/denied' ? denied : 'check the path and the space on its device'
  return new IceboxError(code, {
    message: `cannot ${what}: ${messageOf(error)}`,
    remedy,
    cause: error,
  })
}

function isDenied(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
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
