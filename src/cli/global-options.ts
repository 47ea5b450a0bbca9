/** Options that every command takes. */
export interface GlobalOptions {
  /** `-C DIR`; without it ICEBOX_HOME, else the nearest parent folder with an `icebox.yaml`. */
  readonly directory: string | undefined
  readonly memory: string | undefined
  /** `--set key=value`, in order; the configuration takes them apart. */
  readonly set: readonly string[]
  readonly json: boolean
  readonly quiet: boolean
  /** Operations tell their memory over time, and what would help. */
  readonly profile: boolean
}
