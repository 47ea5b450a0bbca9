import type { EnginePlan } from './engine-plan.ts'

const MiB = 1024 * 1024

export interface CopyPlanInput {
  readonly engine: EnginePlan
  /** Average bytes of a row in memory, all columns; see {@link estimateRowWidth}. */
  readonly rowWidthBytes: number
  /** `storage.target_file_size`. */
  readonly targetFileBytes: number
  /** The engine's count of partitions written at once; 1 or undefined for none. */
  readonly partitions?: number
}

/** Settings of one COPY to Parquet. */
export interface CopyPlan {
  readonly threads: number
  readonly rowGroupSize: number
  readonly fileSizeBytes: number
  readonly memoryLimitBytes: number
}

/**
 * Rows of a row group: some 12 MiB of them, 2,048 to 122,880, a multiple of the vector size.
 * What a COPY holds is row groups x width x threads, on writing and again on reading (design/memory.md section 4).
 */
export function rowGroupSize(input: { readonly rowWidthBytes: number; readonly targetBytes?: number }): number {
  const rows = (input.targetBytes ?? 12 * MiB) / Math.max(1, input.rowWidthBytes)
  return Math.min(122_880, Math.max(2_048, Math.floor(rows / 2_048) * 2_048))
}

/** Threads, row group and file size of a COPY that stay inside the engine's limit. */
export function planCopy(input: CopyPlanInput): CopyPlan {
  const { memoryLimitBytes, threads } = input.engine
  return {
    threads,
    rowGroupSize: rowGroupSize({ rowWidthBytes: input.rowWidthBytes }),
    fileSizeBytes: input.targetFileBytes,
    memoryLimitBytes,
  }
}
