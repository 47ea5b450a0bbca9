import type { Command } from 'commander'
import { refuseUnknown } from './later.ts'
import type { Runner } from './runner.ts'

export function defineInit(program: Command, run: Runner): void {
  program
    .command('init')
    .description('make a lakehouse folder: icebox.yaml, the catalog and the warehouse')
    .argument('[dir]', 'the folder; it is made where it does not exist', '.')
    .addHelpText(
      'after',
      '\nExample:\n  $ icebox init lake\n  $ icebox init lake --memory 256MB    # written into icebox.yaml',
    )
    .action((directory: string) =>
      run(async (context) => (await import('../commands/init.ts')).initCommand(context, directory)),
    )
}

export function defineConfig(program: Command, run: Runner): void {
  const config = program
    .command('config')
    .description('the configuration: what each key is, where its value comes from, what it does')
  refuseUnknown(config, {})
  config
    .command('explain')
    .description('every key (or those that begin with KEY) with value, source and effect')
    .argument('[key]', 'a key or the beginning of one, such as performance.memory')
    .addHelpText(
      'after',
      '\nExample:\n  $ icebox config explain performance.memory\n  $ icebox config explain --memory 256MB',
    )
    .action((key: string | undefined) =>
      run(async (context) => (await import('../commands/config.ts')).configExplain(context, key)),
    )
  config
    .command('check')
    .description('check icebox.yaml, the environment and the flags')
    .addHelpText('after', '\nExample:\n  $ icebox config check --set performance.memory.max_usage=2GB')
    .action(() => run(async (context) => (await import('../commands/config.ts')).configCheck(context)))
}

export function defineDoctor(program: Command, run: Runner): void {
  program
    .command('doctor')
    .description('look at the machine: Node, allocator, memory limits, spill folder, disk')
    .addHelpText('after', '\nExample:\n  $ icebox doctor\n  $ icebox doctor --json')
    .action(() => run(async (context) => (await import('../commands/doctor.ts')).doctorCommand(context)))
}
