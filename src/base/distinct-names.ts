/** Names for rows that are objects: of two that are the same the second becomes `a_1`, as DuckDB names it in files. */
export function distinctNames(columns: readonly { readonly name: string }[]): string[] {
  const given = new Set(columns.map((column) => column.name))
  const used = new Set<string>()
  return columns.map(({ name }) => {
    let candidate = name
    for (let n = 1; used.has(candidate) || (candidate !== name && given.has(candidate)); n++) candidate = `${name}_${n}`
    used.add(candidate)
    return candidate
  })
}

/** Sets a property of its own, whatever its name: an assignment to `__proto__` sets none. */
export function setOwn<Value>(target: Record<string, Value>, name: string, value: Value): void {
  if (name !== '__proto__') target[name] = value
  else Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true })
}
