import type { Interface, Key } from 'node:readline'
import type { InputStream } from '../io.ts'
import type { HistoryWalk } from './history-walk.ts'

/**
 * Brings statements back with the arrow keys (and Ctrl-P, Ctrl-N), line breaks and all. The editor's own history is of single
 * lines, and of newer Node's versions turned around inside: it is made with `historySize: 0`.
 */
export class HistoryKeys implements Disposable {
  readonly #editor: Interface
  readonly #input: InputStream
  readonly #walk: HistoryWalk
  readonly #onKey = (_text: string | undefined, key: Key | undefined) => this.#press(key)

  constructor(editor: Interface, input: InputStream, walk: HistoryWalk) {
    this.#editor = editor
    this.#input = input
    this.#walk = walk
    input.on('keypress', this.#onKey)
  }

  #press(key: Key | undefined): void {
    const isControl = key?.ctrl === true && key.meta !== true
    if (key?.name === 'up' || (isControl && key.name === 'p')) this.#show('older')
    else if (key?.name === 'down' || (isControl && key.name === 'n')) this.#show('newer')
    else if (key?.name === 'return' || key?.name === 'enter') this.#walk.leave()
    else this.#walk.pause()
  }

  #show(way: 'older' | 'newer'): void {
    const text = this.#walk[way](this.#editor.line, this.#editor.cursor)
    if (text === undefined) return
    // Written as keys, its line breaks would each give a line.
    Object.assign(this.#editor, { line: text, cursor: text.length })
    this.#editor.prompt(true)
  }

  [Symbol.dispose](): void {
    this.#input.off('keypress', this.#onKey)
  }
}
