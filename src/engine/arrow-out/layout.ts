/** Where one buffer lies in the body of a record batch, in bytes. */
export interface BufferPlace {
  readonly offset: number
  readonly length: number
}

/** Rows of one column of a record batch, at any depth, and how many of them are null. */
export interface ArrowNode {
  readonly length: number
  readonly nullCount: number
}

/** What the metadata of a record batch says: columns in depth-first order, and their buffers (Arrow format, "Recordbatch message"). */
export interface ArrowLayout {
  readonly rowCount: number
  readonly nodes: readonly ArrowNode[]
  readonly buffers: readonly BufferPlace[]
  /** Bytes of the body, padding and all. */
  readonly bodyBytes: number
}

/** Buffers begin here: what Arrow advises, and enough for a typed array of any width. */
const ALIGNMENT = 64

/** Gives buffers their places in a body, one after the other. */
export class LayoutBuilder {
  readonly nodes: ArrowNode[] = []
  readonly buffers: BufferPlace[] = []
  #end = 0

  node(length: number, nullCount: number): void {
    this.nodes.push({ length, nullCount })
  }

  /** The offset of a buffer of so many bytes, behind which a writer may touch `slackBytes` more. */
  buffer(length: number, slackBytes = 0): number {
    const offset = this.#end
    this.buffers.push({ offset, length })
    this.#end = Math.ceil((offset + length + slackBytes) / ALIGNMENT) * ALIGNMENT
    return offset
  }

  finish(rowCount: number): ArrowLayout {
    return { rowCount, nodes: this.nodes, buffers: this.buffers, bodyBytes: this.#end }
  }
}

/** Zeroes what lies between the buffers: a body is written into memory that was used before. */
export function clearPadding(body: Uint8Array, layout: ArrowLayout): void {
  let end = 0
  for (const { offset, length } of layout.buffers) {
    if (offset > end) body.fill(0, end, offset)
    end = offset + length
  }
  body.fill(0, end, layout.bodyBytes)
}
