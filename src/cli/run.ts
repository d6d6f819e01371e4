import { Command, CommanderError } from 'commander';
import { Trouble } from '../base/errors.js';
import { didYouMean } from '../base/near.js';
import { release } from '../base/release.js';
import {
  beQuiet,
  ClosedPipe,
  type Console,
  type ExitCode,
  print,
  printBug,
  printTrouble,
  sayPlainly,
  systemTrouble,
  useConsole,
} from './io.js';
import { withNearFile } from './missing-file.js';
import { verbs } from './verbs.js';

/** Runs one command line; its exit code. Never throws. */
export async function runCommand(argv: readonly string[], console: Console): Promise<number> {
  useConsole(console);
  const exit = await guarded(argv, console);
  return wants(argv, '--bisect') ? exit.bisect : exit.code;
}

/** Exit codes of one outcome: like diff(1), and for `git bisect run`. */
interface Exit {
  readonly code: number;
  readonly bisect: number;
}

const found = {
  0: { code: 0, bisect: 0 },
  1: { code: 1, bisect: 1 },
  2: { code: 2, bisect: 125 },
  3: { code: 3, bisect: 125 },
} as const;
/** Wrong arguments, files that are not there: no commit is to blame, bisecting cannot go on. */
const brokenSetup: Exit = { code: 2, bisect: 128 };

async function guarded(argv: readonly string[], console: Console): Promise<Exit> {
  const json = wants(argv, '--json');
  try {
    return await dispatch(argv, console);
  } catch (error) {
    if (error instanceof ClosedPipe) return found[0];
    try {
      if (error instanceof CommanderError) {
        if (error.exitCode === 0) return found[0];
        if (error.code !== 'commander.help') printTrouble(usageTrouble(error, argv), json);
        return brokenSetup;
      }
      if (error instanceof Trouble) {
        printTrouble(withNearFile(error), json);
        return aboutSetup(error) ? brokenSetup : found[2];
      }
      const system = error as NodeJS.ErrnoException;
      if (typeof system.code === 'string' && typeof system.syscall === 'string') {
        printTrouble(withNearFile(systemTrouble(system)), json);
        return brokenSetup;
      }
      printBug(error);
    } catch (again) {
      if (!(again instanceof ClosedPipe)) throw again;
    }
    return found[2];
  }
}

async function dispatch(argv: readonly string[], console: Console): Promise<Exit> {
  let exit: ExitCode = 0;
  const program = new Command('xpr')
    .description('Record, replay and diff what Xen, Dom0, device models and guests do to PCI.')
    .version(release, '-V, --version')
    .option('--quiet', 'no talk on standard error')
    .addHelpText('after', `\n${conventions}`)
    .configureOutput({
      writeOut: (text) => print(text.trimEnd().split('\n')),
      writeErr: (text) => sayPlainly(text.trimEnd().split('\n')),
      outputError: () => {},
      getOutHelpWidth: () => (console.outIsTerminal ? process.stdout.columns : PAGE),
      getErrHelpWidth: () => PAGE,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride();
  for (const verb of verbs) {
    const command = program.command(verb.usage).description(verb.summary);
    const times: Record<string, number> = {};
    for (const [flags, text, many] of verb.options) {
      if (many === 'list') command.option(flags, text, collect);
      else command.option(flags, text);
      if (many !== 'count') continue;
      const name = flags.replace(/^-+/, '');
      command.on(`option:${name}`, () => {
        times[name] = (times[name] ?? 0) + 1;
      });
    }
    command.addHelpText('after', `\nExample:\n  ${verb.example}\n\nExit: ${verb.exits ?? usualExits}`);
    command.action(async (...given: unknown[]) => {
      // Commander hands over the arguments, then the options, then the command itself.
      const options = { ...program.opts(), ...(given.at(-2) as Record<string, unknown>), ...times };
      if (options['quiet'] === true) beQuiet();
      const { run } = await verb.load();
      exit = await run(given.slice(0, -2) as (string | string[] | undefined)[], options);
    });
  }
  knownToHelp(argv);
  await program.parseAsync([...argv], { from: 'user' });
  return found[exit];
}

/** `xpr help VERB` of a verb that is none. @throws {Trouble} CLI-011 */
function knownToHelp([first, verb]: readonly string[]): void {
  const names = verbs.map(({ usage }) => usage.split(' ')[0]!);
  if (first !== 'help' || verb === undefined || verb.startsWith('-') || [...names, 'help'].includes(verb))
    return;
  throw new Trouble('CLI-011', `unknown command '${verb}'`, {
    hint: [didYouMean(verb, names), 'xpr --help'].filter((part) => part !== null).join('; '),
  });
}

/** Columns of a help text that does not go to a terminal. */
const PAGE = 100;
const conventions = `A trace may be - for standard input. A position is a number, @12.5ms, first, last or a finding as SEG-001#2; A..B is a range, A.. and ..B open ones.
xpr <verb> --help shows every flag with an example.`;
const usualExits = '0 fine, 2 trouble.';

/** Options that may be given several times. */
const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** Whether a flag is given, even on a command line that cannot be read otherwise. */
function wants(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes(flag);
}

/** What commander says, in our form. */
function usageTrouble({ message }: CommanderError, argv: readonly string[]): Trouble {
  const [first = '', ...more] = message.replace(/^error: /, '').split('\n');
  const verb = verbs.find(({ usage }) => usage.split(' ')[0] === argv.find((word) => !word.startsWith('-')));
  const help = `xpr ${verb === undefined ? '' : `${verb.usage.split(' ')[0]} `}--help`;
  const hints = [...more.map((line) => line.replace(/^\((.*)\)$/, '$1').trim()), help];
  return new Trouble('CLI-011', first.replace(/\.$/, ''), { hint: hints.filter(Boolean).join('; ') });
}

/** Whether the way xpr was called is wrong rather than what it was given to read. */
const aboutSetup = ({ code }: Trouble): boolean =>
  /^(CLI|IO|OUT|CHK|POL|POS|WHERE|DIFF)-/.test(code) || code === 'LOG-012';
