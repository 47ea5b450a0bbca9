import type { Command, Option } from 'commander'

/** docs/reference/cli.md from the definitions that the command line itself parses with. */
export function cliReference(program: Command): string {
  const sections = [
    '# Command line',
    '',
    '<!-- Made from the definitions of the commands; write it anew with: ICEBOX_WRITE_DOCS=1 npx vitest run test/unit/cli-reference.test.ts -->',
    '',
    program.description(),
    '',
    '## For every command',
    '',
    optionTable(program.options),
    '',
    'A lakehouse is found by `-C DIR`, else the environment variable `ICEBOX_HOME`, else the nearest parent folder with an `icebox.yaml`. Options may stand before or after the command.',
    '',
    '| exit code | means |',
    '|---|---|',
    '| 0 | done |',
    '| 1 | failed; without a message where the reader of the output closed it (`head -1`) |',
    '| 2 | wrong usage or configuration (`usage/*`, `config/*`) |',
    '| 3 | memory: refused or exhausted (`memory/*`) |',
    '| 130 | cancelled (Ctrl-C, SIGTERM); a second Ctrl-C ends the process at once |',
    '',
    'Errors are printed on standard error as code, message and remedy; with `--json` on standard output as `{"error":{"code","message","remedy","context"}}`. Colours and progress appear on a terminal only and never with `NO_COLOR`. `ICEBOX_DEBUG=1` adds stack traces.',
    '',
    ...program.commands.flatMap((command) => commandSections(command, 'icebox')),
  ]
  return `${sections.join('\n').trimEnd()}\n`
}

function commandSections(command: Command, parent: string): string[] {
  const name = `${parent} ${command.name()}`
  if (command.commands.length > 0) return command.commands.flatMap((child) => commandSections(child, name))
  const usage = command.registeredArguments.map((argument) => {
    const inner = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? `<${inner}>` : `[${inner}]`
  })
  const lines = [
    `## ${name}`,
    '',
    `\`${[name, ...(command.options.length > 0 ? ['[options]'] : []), ...usage].join(' ')}\``,
    '',
    sentence(command.description()),
    '',
  ]
  const described = command.registeredArguments.filter((argument) => argument.description !== '')
  if (described.length > 0) {
    lines.push('| argument | |', '|---|---|')
    for (const argument of described) {
      const fallback = argument.defaultValue === undefined ? '' : ` (default: \`${String(argument.defaultValue)}\`)`
      lines.push(`| \`${argument.name()}\` | ${cell(argument.description)}${fallback} |`)
    }
    lines.push('')
  }
  if (command.options.length > 0) lines.push(optionTable(command.options), '')
  lines.push('```sh', ...exampleLines(command), '```', '')
  return lines
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((option) => {
    const choices =
      option.argChoices === undefined ? '' : ` One of ${option.argChoices.map((choice) => `\`${choice}\``).join(', ')}.`
    const fallback =
      option.defaultValue === undefined || option.negate ? '' : ` Default: \`${String(option.defaultValue)}\`.`
    return `| \`${option.flags.replaceAll('|', '\\|')}\` | ${cell(sentence(option.description))}${choices}${fallback} |`
  })
  return ['| option | |', '|---|---|', ...rows].join('\n')
}

/** The example that help shows after the options. */
function exampleLines(command: Command): string[] {
  let text = ''
  command.configureOutput({ writeOut: (piece) => void (text += piece) })
  command.outputHelp()
  const after = text.slice(text.indexOf('Example:'))
  return after.split('\n').flatMap((line) => (line.startsWith('  $ ') ? [line.slice(4)] : []))
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<')
}
