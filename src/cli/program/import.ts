import { type Command, Option } from 'commander'
import type { ImportFlags } from './import-flags.ts'
import type { Runner } from './runner.ts'

export function defineImport(program: Command, run: Runner): void {
  program
    .command('import')
    .description('import files into a table')
    .argument('<table>', 'namespace.table')
    .argument('<source...>', "files, globs, folders (hive partitions), '-' for standard input")
    .addOption(
      new Option('--format <format>', 'format of the source (default: by name and content)').choices([
        'csv',
        'ndjson',
        'json',
        'parquet',
        'arrow',
      ]),
    )
    .option('--create', 'make the table; one that exists is an error (this is the default)')
    .option('--append', 'add rows; the table is made where it does not exist')
    .option('--replace', 'overwrite all rows in one snapshot; history is kept')
    .option('--partition-by <fields>', 'partition fields, such as "month(ts), bucket(16, id)"')
    .option('--sort-by <fields>', 'sort order inside files, such as "ts desc, id"')
    .option('--schema <file>', 'the columns: an Iceberg schema as JSON, or SQL column definitions')
    .addOption(
      new Option('--on-error <what>', 'a bad row: abort the import, or put it into a rejects file')
        .choices(['abort', 'reject'])
        .default('abort'),
    )
    .addOption(
      new Option('--new-columns <what>', 'columns that the table does not have: add them, or refuse').choices([
        'add',
        'refuse',
      ]),
    )
    .option('--key <key>', 'the same key twice imports once')
    .option('--preserve-order', 'keep the order of the rows (slower)')
    .option('--dry-run', 'print what would be done and stop')
    .option('--delimiter <char>', 'CSV: field delimiter')
    .option('--quote <char>', 'CSV: quote character')
    .option(
      '--escape <char>',
      'CSV: what stands before a quote inside quotes (default: a quote, where the file reads so)',
    )
    .option('--header', 'CSV: the first line names the columns')
    .option('--no-header', 'CSV: the first line is a row')
    .option('--encoding <name>', 'CSV: encoding of the text')
    .option('--date-format <format>', 'CSV, JSON: how dates are written, such as %d/%m/%Y (codes of strptime)')
    .option('--timestamp-format <format>', 'CSV, JSON: how timestamps are written, such as "%d/%m/%Y %H:%M"')
    .option('--null-text <text>', 'CSV: a text that means NULL')
    .addHelpText(
      'after',
      `
Example:
  $ icebox import sales.orders orders.csv --partition-by "month(ordered_at)"
  $ icebox import sales.orders 'new/*.parquet' --append --key 2026-11-23
  $ zcat rows.ndjson.gz | icebox import web.events - --format ndjson --dry-run`,
    )
    .action((table: string, sources: string[], flags: ImportFlags) =>
      run(async (context) => (await import('../commands/import.ts')).importCommand(context, table, sources, flags)),
    )
}
