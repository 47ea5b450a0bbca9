import { IceboxError, type Json, parseJson } from '../../base/index.ts'

/** An operator of a physical plan, as EXPLAIN (FORMAT json) tells it. */
export interface PlanNode {
  readonly name: string
  readonly children: readonly PlanNode[]
  readonly info: Readonly<Record<string, Json>>
}

/**
 * The roots of the plan. Throws `engine/failed` for another document, and for one that is cut: DuckDB ends the text of a plan
 * where memory does not suffice for it, which may hold constants of megabytes.
 */
export function readPlanTree(text: string): PlanNode[] {
  return nodesOf(parsed(text))
}

function parsed(text: string): Json {
  try {
    return parseJson(text)
  } catch (error) {
    throw unreadable(error)
  }
}

function nodesOf(json: Json): PlanNode[] {
  if (!Array.isArray(json)) throw unreadable()
  return json.map((node) => {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) throw unreadable()
    const { name, children, extra_info: info } = node
    if (typeof name !== 'string') throw unreadable()
    const isRecord = typeof info === 'object' && info !== null && !Array.isArray(info)
    return { name: name.trim(), children: children === undefined ? [] : nodesOf(children), info: isRecord ? info : {} }
  })
}

export function textOf(json: Json | undefined): string | undefined {
  return typeof json === 'string' ? json : undefined
}

export function linesOf(json: Json | undefined): string[] {
  if (typeof json === 'string') return json === '' ? [] : [json]
  return Array.isArray(json) ? json.filter((line) => typeof line === 'string') : []
}

function unreadable(cause?: unknown): IceboxError {
  return new IceboxError('engine/failed', {
    message: 'the plan of the statement could not be read',
    remedy: 'report this as a bug of Icebox',
    cause,
  })
}
