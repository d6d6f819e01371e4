import { runCommand } from '../../src/cli/run.js';
import { answered, failed, refused, type Verdict } from './verdict.js';

/** What a command came to. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in this process; it sees no terminal and no input. */
export async function command(args: readonly string[]): Promise<Ran> {
  const out: Buffer[] = [];
  let err = '';
  const code = await runCommand(args, {
    out: (data) => {
      out.push(Buffer.from(data as string));
    },
    err: (text) => {
      err += text;
    },
    input: () => new Uint8Array(),
    outIsTerminal: false,
    errIsTerminal: false,
  });
  return { code, out: Buffer.concat(out).toString('utf8'), err };
}

/** An error as the contract has it: a code and a message. */
const CODED = /^xpr: [A-Z]{2,6}-\d{3}: \S|"code": ?"[A-Z]{2,6}-\d{3}"|^error: |^Usage: /m;
/** `check` says what is wrong with each file in its table. */
const IN_A_TABLE = /\b[A-Z]{2,6}-\d{3}\b/;
/** For `git bisect run`: cannot judge, broken set-up. */
const BISECT = [125, 128];
/** Bytes that would move a terminal: none may leave a command outside of JSON. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** Whether a command ended as one may: with an exit code of the contract, trouble with its code, text as text. */
export function judged(args: readonly string[], { code, out, err }: Ran): Verdict {
  const what = `xpr ${args.join(' ')}: `;
  if (err.includes('BUG')) return failed(`${what}${err.split('\n').find((line) => line.includes('BUG'))}`);
  if (![0, 1, 2, 3].includes(code) && !(args.includes('--bisect') && BISECT.includes(code)))
    return failed(`${what}exit ${code}`);
  const coded = args[0] === 'check' ? IN_A_TABLE : CODED;
  if (code === 2 && !coded.test(`${err}\n${out}`))
    return failed(`${what}exit 2 without a code: ${err.slice(0, 200)}`);
  if (!args.includes('--json') && args[0] !== 'export' && (RAW.test(out) || RAW.test(err)))
    return failed(`${what}control bytes in the output`);
  return code === 2 ? refused : answered;
}
