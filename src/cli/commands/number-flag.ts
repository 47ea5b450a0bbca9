import { IceboxError } from '../../base/index.ts'

/** The number that an option was given; its range is checked by who knows it. Rejects `usage/invalid`. */
export function numberFlag(option: string, text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new IceboxError('usage/invalid', {
    message: `${option} '${text}' is no number`,
    remedy: 'add --help to see what the option takes',
    context: { option, value: text },
  })
}
