#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { Trouble } from '../base/errors.js';
import { endQuietlyOnClosedPipe, printTrouble, say } from './io.js';
import { verbs } from './verbs.js';

/** Runs one command line and returns its exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  let exit = 0;
  const program = new Command('xpr')
    .description('Record, replay and diff what Xen, Dom0, device models and guests do to PCI.')
    .version(version, '-V, --version')
    .option('--quiet', 'no talk on standard error')
    .showHelpAfterError()
    .exitOverride();
  for (const verb of verbs) {
    const command = program.command(verb.usage).description(verb.summary);
    for (const [flags, text, list] of verb.options) {
      if (list === undefined) command.option(flags, text);
      else command.option(flags, text, collect, []);
    }
    command.addHelpText('after', `\nExample:\n  ${verb.example}`);
    command.action(async (...given: unknown[]) => {
      // Commander hands over the arguments, then the options, then the command itself.
      const options = given.at(-2) as Record<string, unknown>;
      const args = given.slice(0, -2) as (string | string[] | undefined)[];
      const { run } = await verb.load();
      exit = await run(args, { ...program.opts(), ...options });
    });
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Trouble) {
      printTrouble(error, json);
      return 2;
    }
    const system = error as NodeJS.ErrnoException;
    if (typeof system.code === 'string' && typeof system.path === 'string') {
      printTrouble(
        new Trouble('IO-001', `${system.code} on ${system.syscall ?? 'file'}`, { file: system.path }),
        json,
      );
      return 2;
    }
    say(`xpr: BUG: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return 2;
  }
}

/** Options that may be given several times. */
const collect = (value: string, before: string[]): string[] => [...before, value];

const version = '0.1.0';

endQuietlyOnClosedPipe();
process.exitCode = await main(process.argv.slice(2));
