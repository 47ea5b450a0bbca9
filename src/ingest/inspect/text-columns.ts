import { formatCount } from '../../base/index.ts'
import type { EngineSession, RunOptions } from '../../engine/index.ts'
import { parseStaticType } from '../types/static-type.ts'
import { quoteIdentifier } from '../sql.ts'
import { type AskedFormats, askedDecisions, decideAsked } from './asked-formats.ts'
import { acceptsText, checkedCast } from './checked-cast.ts'
import { decide, type Evidence, newEvidence, observe, type TextDecision } from './classify.ts'

/**
 * The first rows of a source, as columns of text. They are read anew for each question and kept nowhere: a table of them
 * took 92 MB for 200 columns (DuckDB gives each column its blocks) and 60 to 100 ms for lineitem, reading them 20.
 */
export interface TextSample {
  readonly session: EngineSession
  readonly names: readonly string[]
  /** SQL of the rows with these columns, in the order of the source. */
  readonly select: (names: readonly string[], limitRows?: number) => string
  /** What the engine may hold (`Engine.memoryLimitBytes`): it decides how many columns one statement looks at. */
  readonly memoryLimitBytes: number
  /** Formats of dates and times that the caller gave: they are tried before anything else is thought of a column. */
  readonly asked: AskedFormats
  readonly signal?: AbortSignal | undefined
}

/** What the sample says of a column. */
export interface TextColumn {
  readonly name: string
  readonly decision: TextDecision
  /** Values that are not NULL. */
  readonly values: number
  /** Bytes of text in all rows together. */
  readonly textBytes: number
  /** The first rows have few different values: a guess. */
  readonly hasFewValues: boolean
}

const FIRST_ROWS = 256
/** Values that the first look takes into JavaScript, of all columns together. */
const FIRST_VALUES = 64_000
const LEAST_FIRST_ROWS = 64
/** Whatever is longer is text, and only its beginning is looked at. */
const LONGEST_VALUE_BYTES = 200
const MAX_ROUNDS = 6
/** So many different ones at most among so many values at least. */
const FEW_VALUES = 16
const VALUES_TO_GUESS_BY = 64

/** A statement over many columns holds about so much for each (vectors of 2,048 rows; measured with 200 and 1,000). */
const BYTES_PER_COLUMN = 250_000
/** Share of the engine's limit that the columns of one statement may take. */
const STATEMENT_SHARE = 0.25

/**
 * The type of each column: what the first rows suggest is checked on all of the sample, and values that do not fit are
 * looked at in turn. Rejects what reading the source rejects.
 */
export async function inspectTexts(
  sample: TextSample,
): Promise<{ readonly rows: number; readonly columns: TextColumn[] }> {
  const evidence = new Map(sample.names.map((name) => [name, newEvidence()]))
  const ofFewValues = await firstLook(sample, evidence)
  const asked = await askedColumns(sample, evidence)
  const decideFrom = (name: string): TextDecision => decideColumn(evidence.get(name), asked.get(name))
  const decisions = new Map(sample.names.map((name) => [name, decideFrom(name)]))
  const counts = await countValues(sample, sample.names, decisions)
  const looked = new Set<string>()
  const isDoubtful = (name: string, counted: Counts | undefined): boolean => {
    const decision = decisions.get(name)
    if (decision === undefined || counted === undefined || decision.isAsked === true) return false
    // A column without a value among the first rows may have one later; dates that read two ways may be settled later.
    const isOpen = decision.isAmbiguous === true ? !looked.has(name) : evidence.get(name)?.values === 0
    return isOpen ? counted.values > 0 : counted.misfits > 0
  }
  let doubtful = sample.names.filter((name) => isDoubtful(name, counts.columns.get(name)))
  for (let round = 1; round < MAX_ROUNDS && doubtful.length > 0; round++) {
    await lookAtMisfits(sample, doubtful, decisions, evidence)
    for (const name of doubtful) {
      // Looked at whole and still ambiguous: there is nothing more to learn.
      if (decisions.get(name)?.isAmbiguous === true) looked.add(name)
      decisions.set(name, decideFrom(name))
    }
    const again = await countValues(sample, doubtful, decisions)
    for (const [name, counted] of again.columns) counts.columns.set(name, counted)
    doubtful = doubtful.filter((name) => isDoubtful(name, again.columns.get(name)))
  }
  for (const [name, { remarkable }] of counts.columns) {
    const seen = evidence.get(name)
    if (seen === undefined || remarkable.length === 0 || decisions.get(name)?.isAsked === true) continue
    for (const text of remarkable) observe(seen, text)
    decisions.set(name, decideFrom(name))
  }
  return {
    rows: counts.rows,
    columns: sample.names.map((name) => ({
      name,
      decision: decisions.get(name) ?? decide(newEvidence()),
      values: counts.columns.get(name)?.values ?? 0,
      textBytes: counts.columns.get(name)?.textBytes ?? 0,
      hasFewValues: ofFewValues.has(name),
    })),
  }
}

function decideColumn(evidence = newEvidence(), asked?: ReturnType<typeof decideAsked>): TextDecision {
  if (asked === undefined) return decide(evidence)
  if ('decision' in asked) return asked.decision
  const decision = decide(evidence)
  return { ...decision, note: decision.note === undefined ? asked.note : `${asked.note}; ${decision.note}` }
}

/** What the formats that the caller gave say of the columns, by all of the sample. */
async function askedColumns(
  sample: TextSample,
  evidence: ReadonlyMap<string, Evidence>,
): Promise<Map<string, ReturnType<typeof decideAsked>>> {
  const found = new Map<string, ReturnType<typeof decideAsked>>()
  for (const decision of askedDecisions(sample.asked)) {
    const open = sample.names.filter((name) => !('decision' in (found.get(name) ?? {})))
    const counts = await countValues(sample, open, new Map(open.map((name) => [name, decision])))
    for (const [name, { values, misfits }] of counts.columns) {
      const said = decideAsked(decision, evidence.get(name) ?? newEvidence(), values, values - misfits)
      if (said !== undefined) found.set(name, said)
    }
  }
  return found
}

/** Why a column got its type, with the number of all values of the sample instead of those that were looked at. */
export function whyOf(decision: TextDecision, values: number): string {
  return decision.why.replace(/^[\d,]+ sampled/, `${formatCount(values)} sampled`)
}

function optionsOf(sample: TextSample): RunOptions {
  // One thread reads the rows in their order, each time the same, with the buffers of one.
  return { threads: 1, ...(sample.signal === undefined ? {} : { signal: sample.signal }) }
}

/** Columns in parts that one statement may look at. */
function* parts(sample: TextSample, names: readonly string[]): Generator<readonly string[]> {
  const size = Math.max(8, Math.floor((sample.memoryLimitBytes * STATEMENT_SHARE) / BYTES_PER_COLUMN))
  for (let at = 0; at < names.length; at += size) yield names.slice(at, at + size)
}

/** A value as JavaScript gets it: never longer than the longest that is looked at. */
function shortened(name: string): string {
  return `CASE WHEN strlen(${name}) > ${LONGEST_VALUE_BYTES} THEN left(${name}, 60) || '…' ELSE ${name} END`
}

/** Names of the columns with few different values. */
async function firstLook(sample: TextSample, evidence: ReadonlyMap<string, Evidence>): Promise<Set<string>> {
  const ofFewValues = new Set<string>()
  const rows = Math.max(LEAST_FIRST_ROWS, Math.min(FIRST_ROWS, Math.floor(FIRST_VALUES / sample.names.length)))
  for (const names of parts(sample, sample.names)) {
    const values = names.map((name, at) => `${shortened(quoteIdentifier(name))} AS c${at}`)
    const different = new Map(names.map((name) => [name, new Set<string>()]))
    const select = `SELECT ${values.join(', ')} FROM ${sample.select(names, rows)}`
    await observeColumns(sample, select, names, evidence, (name, text) => {
      const seen = different.get(name)
      if (seen !== undefined && seen.size <= FEW_VALUES) seen.add(text)
    })
    for (const [name, { size }] of different)
      if (size <= FEW_VALUES && (evidence.get(name)?.values ?? 0) >= VALUES_TO_GUESS_BY) ofFewValues.add(name)
  }
  return ofFewValues
}

/** The values that do not fit what was decided, of columns where there are some. */
async function lookAtMisfits(
  sample: TextSample,
  doubtful: readonly string[],
  decisions: ReadonlyMap<string, TextDecision>,
  evidence: ReadonlyMap<string, Evidence>,
): Promise<void> {
  for (const names of parts(sample, doubtful)) {
    const values = names.map((name, at) => {
      const text = quoteIdentifier(name)
      const decision = decisions.get(name)
      const fits = decision === undefined || !isChecked(decision) ? 'false' : acceptsOf(decision, text)
      return `CASE WHEN NOT ${fits} THEN ${shortened(text)} END AS c${at}`
    })
    await observeColumns(sample, `SELECT ${values.join(', ')} FROM ${sample.select(names)}`, names, evidence)
  }
}

async function observeColumns(
  sample: TextSample,
  sql: string,
  names: readonly string[],
  evidence: ReadonlyMap<string, Evidence>,
  see: (name: string, text: string) => void = () => undefined,
): Promise<void> {
  await using stream = await sample.session.stream(sql, optionsOf(sample))
  for await (const batch of stream) {
    names.forEach((name, at) => {
      const seen = evidence.get(name)
      if (seen === undefined) return
      for (const value of batch.column(at)) {
        if (typeof value !== 'string') continue
        observe(seen, value)
        see(name, value)
      }
    })
  }
}

interface Counts {
  readonly values: number
  readonly misfits: number
  readonly textBytes: number
  /** Values that fit and are not kept as they are written, one of each kind: a note is due. */
  readonly remarkable: readonly string[]
}

/** Conditions of texts that a cast takes and of which something is to be said, by the type; a quick look comes before a close one. */
const REMARKABLE: Readonly<Partial<Record<TextDecision['type'], readonly ((text: string) => string)[]>>> = {
  BIGINT: [(text) => `${text} = '-0'`],
  TIMESTAMP: [(text) => `strlen(${text}) <= ${'2024-01-02'.length}`],
  DOUBLE: [
    (text) => lookedAt(text, `strlen(${text}) > 18`, MANY_DIGITS),
    (text) => lookedAt(text, `contains(lower(${text}), 'n')`, '(?i)[-+]?(nan|inf|infinity)'),
    (text) => lookedAt(text, `contains(lower(${text}), 'e-')`, PERHAPS_ZERO),
  ],
}

/** Eighteen and more, from the first that is not zero. */
const MANY_DIGITS = '[-+]?(0*[1-9][0-9.]{18,}|0*[.]0*[1-9][0-9]{17,})([eE].*)?'
/** Of 300 places and more: some of them are closer to zero than to any other double. */
const PERHAPS_ZERO = '[-+]?[0-9.]*[eE]-[0-9]{3,}'

function lookedAt(text: string, quick: string, pattern: string): string {
  return `CASE WHEN ${quick} THEN regexp_full_match(${text}, '${pattern}') END`
}

/**
 * Values, values that do not fit, and bytes of each column. Columns of one type are put one below the other and share one
 * check: 200 columns of numbers take half the memory and time of 200 checks beside each other.
 */
async function countValues(
  sample: TextSample,
  wanted: readonly string[],
  decisions: ReadonlyMap<string, TextDecision>,
): Promise<{ rows: number; columns: Map<string, Counts> }> {
  const columns = new Map<string, Counts>()
  let rows = 0
  for (const names of parts(sample, wanted)) {
    const kinds = new Map<string, string[]>()
    for (const name of names) {
      const kind = kindOf(decisions.get(name))
      kinds.set(kind, [...(kinds.get(kind) ?? []), name])
    }
    const lists: string[] = []
    const figures: string[] = []
    let longest = 0
    const remarks: number[] = []
    const groups = [...kinds.values()]
    groups.forEach((group, at) => {
      const decision = decisions.get(group[0] ?? '')
      const isTyped = decision !== undefined && isChecked(decision)
      const list = group.map((name) => (isTyped ? quoteIdentifier(name) : `strlen(${quoteIdentifier(name)})`))
      lists.push(`unnest([${list.join(', ')}]) AS t${at}`)
      figures.push(
        `count(t${at}) AS v${at}`,
        isTyped ? `sum(strlen(t${at})) AS b${at}` : `sum(t${at}) AS b${at}`,
        isTyped ? `count(CASE WHEN NOT ${acceptsOf(decision, `t${at}`)} THEN 1 END) AS m${at}` : `0 AS m${at}`,
      )
      const conditions = (decision?.format === undefined ? REMARKABLE[decision?.type ?? 'VARCHAR'] : undefined) ?? []
      conditions.forEach((condition, number) => {
        figures.push(
          `min(left(t${at}, ${LONGEST_VALUE_BYTES})) FILTER (WHERE ${condition(`t${at}`)}) AS r${at}_${number}`,
        )
      })
      remarks.push(conditions.length)
      longest = Math.max(longest, group.length)
    })
    const found = await sample.session.all(
      `SELECT place, count(*) AS n, ${figures.join(', ')} FROM (SELECT unnest(range(${longest})) AS place, ${lists.join(', ')} FROM ${sample.select(names)}) GROUP BY place`,
      optionsOf(sample),
    )
    for (const row of found) {
      rows = Math.max(rows, Number(row['n']))
      groups.forEach((group, at) => {
        const name = group[Number(row['place'])]
        if (name === undefined) return
        columns.set(name, {
          values: Number(row[`v${at}`] ?? 0),
          misfits: Number(row[`m${at}`] ?? 0),
          textBytes: Number(row[`b${at}`] ?? 0),
          remarkable: Array.from({ length: remarks[at] ?? 0 }, (_, number) => row[`r${at}_${number}`]).filter(
            (text) => typeof text === 'string',
          ),
        })
      })
    }
  }
  return { rows, columns }
}

/** Columns of one kind are checked by the same expression. */
function kindOf(decision: TextDecision | undefined): string {
  return decision === undefined || !isChecked(decision) ? '' : `${decision.type} ${decision.format ?? ''}`
}

/** Something could fail to fit: text takes everything, and what is ambiguous is looked at whole. */
function isChecked(decision: TextDecision): boolean {
  return decision.type !== 'VARCHAR' && decision.isAmbiguous !== true
}

function acceptsOf(decision: TextDecision, text: string): string {
  return acceptsText(
    checkedCast(parseStaticType(decision.type), text, { format: decision.format, isDeclared: false }),
    text,
  )
}
