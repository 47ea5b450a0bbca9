/** A statement made of a template, with `$1`, `$2`, … where its values belong. */
export interface TemplateStatement {
  readonly sql: string
  /** Where each of them begins. */
  readonly placeholders: readonly number[]
}

/** Between blanks: a digit of the text behind a value would make another number of its placeholder's. */
export function statementOf([first = '', ...rest]: readonly string[]): TemplateStatement {
  let sql = first
  const placeholders = rest.map((part, at) => {
    const start = sql.length + 1
    sql += ` $${at + 1} ${part}`
    return start
  })
  return { sql, placeholders }
}
