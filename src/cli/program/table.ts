import type { Command } from 'commander'
import { refuseUnknown } from './later.ts'
import type { Runner } from './runner.ts'

/** Views of one table that are its system tables: `sales."orders$files"` in SQL. */
const SYSTEM_VIEWS: readonly (readonly [name: string, description: string])[] = [
  ['snapshots', 'every version of the table'],
  ['files', 'the data and delete files of the current snapshot'],
  ['manifests', 'the manifests of the current snapshot'],
  ['partitions', 'rows, files and bytes of each partition'],
  ['refs', 'branches and tags'],
]

export function defineTable(program: Command, run: Runner): void {
  const table = program.command('table').description('what tables there are, what is in them, and their names')
  refuseUnknown(table, {})
  table
    .command('list')
    .alias('ls')
    .description('all tables with rows, files and size')
    .argument('[pattern]', 'a namespace, or names that match, such as sales.o*')
    .addHelpText('after', '\nExample:\n  $ icebox table list\n  $ icebox table list sales --json')
    .action((pattern: string | undefined) =>
      run(async (context) => (await import('../commands/table-list.ts')).tableList(context, pattern)),
    )
  table
    .command('show')
    .description('columns, partitioning, sort order, properties and figures of a table')
    .argument('<table>', 'namespace.table')
    .addHelpText('after', '\nExample:\n  $ icebox table show sales.orders')
    .action((name: string) =>
      run(async (context) => (await import('../commands/table-show.ts')).tableShow(context, name)),
    )
  for (const [view, description] of SYSTEM_VIEWS) {
    table
      .command(view)
      .description(description)
      .argument('<table>', 'namespace.table')
      .option('--max-rows <n>', "rows shown, or 'all' (default: 40)")
      .addHelpText('after', `\nExample:\n  $ icebox table ${view} sales.orders\n\nIn SQL: from sales."orders$${view}"`)
      .action((name: string, flags: { readonly maxRows?: string }) =>
        run(async (context) =>
          (await import('../commands/table-views.ts')).tableView(context, name, view, flags.maxRows),
        ),
      )
  }
  table
    .command('register')
    .description('adopt a table that another tool wrote')
    .argument('<table>', 'namespace.table, the name it gets here')
    .argument(
      '<metadata>',
      'its folder, of which the newest metadata is taken, or a metadata file (…/metadata/00003-….metadata.json)',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ icebox table register sales.orders /data/orders/metadata/00003-5a1f.metadata.json',
    )
    .action((name: string, metadata: string) =>
      run(async (context) => (await import('../commands/table-change.ts')).tableRegister(context, name, metadata)),
    )
  table
    .command('relocate')
    .description('mend tables whose folder was moved (mv, a mount, a cache)')
    .argument('[table...]', 'namespace.table (default: all)')
    .addHelpText('after', '\nExample:\n  $ mv lake /mnt/lake && icebox -C /mnt/lake table relocate')
    .action((names: string[]) =>
      run(async (context) => (await import('../commands/table-change.ts')).tableRelocate(context, names)),
    )
  table
    .command('rename')
    .description('give a table another name')
    .argument('<from>', 'namespace.table')
    .argument('<to>', 'namespace.table')
    .addHelpText('after', '\nExample:\n  $ icebox table rename sales.orders sales.orders_2025')
    .action((from: string, to: string) =>
      run(async (context) => (await import('../commands/table-change.ts')).tableRename(context, from, to)),
    )
  table
    .command('drop')
    .description('remove a table from the catalog; its files stay unless --purge')
    .argument('<table>', 'namespace.table')
    .option('--purge', 'delete its files too; cannot be undone')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      '\nExample:\n  $ icebox table drop sales.orders\n  $ icebox table drop sales.orders --purge --yes',
    )
    .action((name: string, flags: { readonly purge?: boolean; readonly yes?: boolean }) =>
      run(async (context) => (await import('../commands/table-change.ts')).tableDrop(context, name, flags)),
    )
}
