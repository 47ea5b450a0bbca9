import type { QueryOptions } from '../../lakehouse/api.ts'
import type { ProgressBar } from './progress-bar.ts'

export interface QueryProgress {
  /** For the statement's options: the engine's own share of the work. None where nobody watches. */
  readonly options: Pick<QueryOptions, 'onProgress'>
  /** For whoever reads the rows. */
  readonly onRows: (rows: number) => void
}

/**
 * Shows how far a statement is. Rows are those that were read: what the engine reports as rows is its share of a guess.
 */
export function queryProgress(bar: ProgressBar, budgetBytes: number): QueryProgress {
  let fraction: number | undefined
  let rows: number | undefined
  const show = () =>
    bar.update({
      phase: 'query',
      rows,
      fraction,
      bytesRead: undefined,
      bytesTotal: undefined,
      rssBytes: process.memoryUsage.rss(),
      budgetBytes,
    })
  const onProgress: QueryOptions['onProgress'] = (progress) => {
    fraction = progress.fraction
    show()
  }
  return {
    options: bar.isIdle ? {} : { onProgress },
    onRows(count) {
      rows = count
      show()
    },
  }
}
