import { Interrupts } from './interrupts.ts'
import { type CliIo, outputOver } from './io.ts'
import { lakeDoor } from './lake-door.ts'
import { runCli } from './run.ts'

const interrupts = new Interrupts(() => endAtOnce('SIGINT'))
const io: CliIo = {
  stdin: process.stdin,
  stdout: outputOver(process.stdout, 'standard output'),
  stderr: outputOver(process.stderr, 'standard error'),
  progressTerminal: process.stderr.isTTY === true ? process.stderr : undefined,
  editorTerminal:
    process.stdin.isTTY !== true ? undefined : process.stdout.isTTY === true ? process.stdout : process.stderr,
  env: process.env,
  cwd: process.cwd(),
}

process.on('SIGINT', () => {
  const isFirst = interrupts.interrupt()
  if (isFirst && process.stderr.isTTY === true) process.stderr.write('\ncancelling; Ctrl-C again ends at once\n')
})
process.on('SIGTERM', () => {
  interrupts.end('stopped by SIGTERM')
})

process.exitCode = await runCli(process.argv.slice(2), io, lakeDoor, interrupts)
// A command that was cancelled may have left its writer with the pipe open, which would keep the process alive.
process.stdin.destroy()

/** Dies of the signal itself, without the tidying that the first one asked for. */
function endAtOnce(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}
