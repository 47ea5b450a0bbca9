/** The remedy that proposes names, each as it is to be written; undefined without any. */
export function didYouMean(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : `did you mean ${names.join(' or ')}?`
}
