import { type Command, Option } from 'commander'
import { OUTPUT_FORMATS } from '../output/writer.ts'
import type { Runner } from './runner.ts'
import type { SqlFlags } from './sql-flags.ts'

export function defineSql(program: Command, run: Runner): void {
  program
    .command('sql')
    .description('run SQL: one statement or several, a file, standard input, or a shell')
    .argument('[sql]', 'the statements; without it (and without -f) standard input, on a terminal the shell')
    .option('-f, --file <file>', 'read the statements from a file; - is standard input')
    .addOption(new Option('--format <format>', 'how rows are written (default: table)').choices(OUTPUT_FORMATS))
    .option(
      '-o, --output <file>',
      'write the rows of the one statement to a file; its name may say the format, and - is standard output',
    )
    .option('--max-rows <n>', "format table: rows shown, or 'all' (default: 40)")
    .addHelpText(
      'after',
      `
Example:
  $ icebox sql "select region, sum(amount) from sales.orders group by all"
  $ icebox sql "from sales.orders" --output orders.parquet
  $ icebox sql                                    # the shell; .help inside`,
    )
    .action((sql: string | undefined, flags: SqlFlags) =>
      run(async (context) => (await import('../commands/sql.ts')).sqlCommand(context, sql, flags)),
    )
}
