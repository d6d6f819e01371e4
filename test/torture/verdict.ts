import { Trouble } from '../../src/base/errors.js';
import type { FsckReport } from '../../src/log/fsck.js';
import { fsck, openTorn } from '../../src/log/fsck.js';
import { TraceReader } from '../../src/log/reader.js';
import { bytesSource } from '../../src/log/stores/memory-store.js';
import type { Ran } from './workshop.js';

/** What no output for people holds: what a terminal would obey. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Why a command did not survive: an exception without a code, an exit without a reason, a fault of ours; or null. */
export function commandFault({ args, code, out, err }: Ran): string | null {
  const command = `xpr ${args.join(' ').slice(0, 300)}`;
  const bug = /xpr: BUG: .*(\n.*){0,3}/.exec(err);
  if (bug !== null) return `${command}: ${bug[0]}`;
  // Behind `--` it is no option.
  const bisect = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length).includes('--bisect');
  // `diagnose` says with 3 that nothing could be judged.
  const codes = bisect ? [0, 1, 125, 128] : args.includes('diagnose') ? [0, 1, 2, 3] : [0, 1, 2];
  if (!codes.includes(code)) return `${command}: exit ${code}`;
  const coded = /\b[A-Z]{2,6}-\d{3}\b/;
  if (code >= 2 && code !== 3 && !coded.test(err) && !coded.test(out))
    return `${command}: exit ${code} without a code: ${err}`;
  if (code < 2 && /^xpr: [A-Z]+-\d{3}: /m.test(err)) return `${command}: exit ${code} with an error: ${err}`;
  const ours = /RUN-002[^\n]*|(?:the reducer of|rule|the comparison|what-if)[^\n]*broke off[^\n]*/.exec(
    err + out,
  );
  if (ours !== null && /RUN-00/.test(err + out)) return `${command}: ${ours[0]} ${foundIn(err + out)}`;
  const shown = args.includes('--json') || args.includes('-') ? err : err + out;
  if (OBEYED.test(shown))
    return `${command}: shows what a terminal obeys: ${JSON.stringify(OBEYED.exec(shown)![0])}`;
  return null;
}

const foundIn = (text: string): string => /found [^\n;]*|"actual": "[^"\n]*"/.exec(text)?.[0] ?? '';

/** Everything that can be read out of a trace, as texts that can be compared. */
export interface Content {
  readonly header: string;
  readonly events: readonly string[];
  readonly digest: string;
  readonly kinds: string;
}

/** @throws {Trouble} */
export function contentOf(bytes: Uint8Array): Content {
  return contentIn(TraceReader.open(bytesSource(bytes)));
}

function contentIn(reader: TraceReader): Content {
  return {
    header: JSON.stringify(reader.header),
    events: Array.from(reader.readEvents(), (event) => JSON.stringify(event)),
    digest: reader.digest,
    kinds: JSON.stringify([...reader.index.kinds]),
  };
}

/**
 * Holds damaged bytes against the trace they were: every way to read them gives what was written, its beginning, or
 * a coded error, and `fsck` says that they are damaged.
 */
export function damageFault(bytes: Uint8Array, whole: Content): string | null {
  const report = attempt(() => fsck(bytesSource(bytes)));
  if (report instanceof Error) return `fsck: ${report.stack}`;
  if (report !== null && report.damaged.length === 0) return 'fsck finds nothing wrong';
  const read = attempt(() => contentOf(bytes));
  if (read instanceof Error) return `reading: ${read.stack}`;
  if (read !== null) {
    for (const name of ['header', 'digest', 'kinds'] as const)
      if (read[name] !== whole[name]) return `${name} is misread`;
    if (read.events.length !== whole.events.length) return `${read.events.length} events are read`;
    const wrong = firstOther(read.events, whole.events);
    if (wrong !== null) return wrong;
  }
  const torn = attempt(() => contentIn(openTorn(bytesSource(bytes)).reader));
  if (torn instanceof Error) return `reading what is left: ${torn.stack}`;
  if (torn === null) return null;
  if (torn.events.length > whole.events.length) return 'more events are left than there were';
  return torn.header === whole.header
    ? firstOther(torn.events, whole.events)
    : 'header of what is left is misread';
}

/** Whether `fsck` holds a trace for whole; null when it cannot tell. */
export function fsckOf(bytes: Uint8Array): FsckReport | null | Error {
  return attempt(() => fsck(bytesSource(bytes)));
}

function firstOther(events: readonly string[], whole: readonly string[]): string | null {
  const at = events.findIndex((event, i) => event !== whole[i]);
  return at < 0
    ? null
    : `event ${at} is misread: ${events[at]!.slice(0, 200)}, not ${whole[at]!.slice(0, 200)}`;
}

/** A result; null for a coded error; the exception for anything else. */
function attempt<T>(action: () => T): T | null | Error {
  try {
    return action();
  } catch (error) {
    if (error instanceof Trouble) return null;
    return error instanceof Error ? error : new Error(String(error));
  }
}
