import type { Interface } from 'node:readline'

export type EditorEvent =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'end' }

/** What the line editor reports, one after another: pasted lines wait until the statement before them has ended. */
export class EditorEvents implements Disposable {
  readonly #editor: Interface
  readonly #waiting: EditorEvent[] = []
  #wanted: ((event: EditorEvent) => void) | undefined
  readonly #onLine = (text: string) => this.#put({ kind: 'line', text })
  readonly #onInterrupt = () => this.interrupt()
  readonly #onClose = () => this.#put({ kind: 'end' })
  readonly #signal: AbortSignal

  /** The end comes when the signal fires too. */
  constructor(editor: Interface, signal: AbortSignal) {
    this.#editor = editor
    this.#signal = signal
    signal.addEventListener('abort', this.#onClose, { once: true })
    editor.on('line', this.#onLine)
    editor.on('SIGINT', this.#onInterrupt)
    editor.on('close', this.#onClose)
  }

  /** True when lines were typed ahead. The editor is paused while a statement runs, so they are at most one read of the terminal. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** As Ctrl-C on the terminal. */
  interrupt(): void {
    this.#put({ kind: 'interrupt' })
  }

  next(): Promise<EditorEvent> {
    const event = this.#waiting.shift()
    if (event !== undefined) return Promise.resolve(event)
    return new Promise((resolve) => {
      this.#wanted = resolve
    })
  }

  #put(event: EditorEvent): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    if (wanted === undefined) this.#waiting.push(event)
    else wanted(event)
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#onClose)
    this.#editor.off('line', this.#onLine)
    this.#editor.off('SIGINT', this.#onInterrupt)
    this.#editor.off('close', this.#onClose)
  }
}
