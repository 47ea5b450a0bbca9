import { collectGarbage } from '../memory/index.ts'
import { TYPE } from './binding.ts'
import type { EngineType } from './types.ts'

/** Chunks of this many bytes together are worth a young collection (about half a millisecond). */
const COLLECT_BYTES = 8 * 1024 * 1024
/** A text's place in a vector and its content on average. */
const TEXT_BYTES = 48

/**
 * A chunk's native memory is freed when its handle is collected, and V8 sees a handle of a few bytes: a reader that
 * makes no garbage of its own held 70 MB of dead chunks. So a young collection is asked for by the bytes handed out.
 */
export class ChunkCollector {
  readonly #rowBytes: number
  #bytes = 0

  constructor(types: readonly EngineType[]) {
    this.#rowBytes = types.reduce((sum, type) => sum + widthOf(type), 0)
  }

  /** A chunk of so many rows was handed out, with so many bytes of texts below it where that is known. */
  handedOut(rows: number, variableBytes: number): void {
    const bytes = Math.max(rows * this.#rowBytes, variableBytes)
    this.#bytes += bytes
    if (this.#bytes < COLLECT_BYTES) return
    this.#bytes = 0
    // Such a chunk is read in parts, and its handle has grown old meanwhile.
    collectGarbage(bytes < COLLECT_BYTES ? 'minor' : 'major')
  }
}

function widthOf(type: EngineType): number {
  switch (type.kind) {
    case 'plain':
    case 'enum':
      return type.id === TYPE.VARCHAR || type.id === TYPE.BLOB ? TEXT_BYTES : 8
    case 'decimal':
      return 16
    case 'list':
      return 16 + 2 * widthOf(type.element)
    case 'array':
      return type.length * widthOf(type.element)
    case 'map':
      return 16 + 2 * (widthOf(type.key) + widthOf(type.value))
    case 'struct':
    case 'union':
      return type.fields.reduce((sum, field) => sum + widthOf(field.type), 0)
  }
}
