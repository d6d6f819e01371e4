import { readFileSync } from 'node:fs';
import type { Prng } from '../../src/base/prng.js';
import { catalogue, type KindName, kindNames } from '../../src/events/catalogue.js';
import { TraceReader } from '../../src/log/reader.js';
import { bytesSource } from '../../src/log/stores/memory-store.js';
import { axes } from '../../src/policy/axes.js';
import { commandFault, fsckOf } from './verdict.js';
import type { Workshop } from './workshop.js';

/** A trace that somebody else made, and what it is asked. */
export interface Foreign {
  readonly bytes: Uint8Array;
  /** Another trace to compare it with. */
  readonly beside: string;
  /** Events it may have, for positions. */
  readonly events: number;
}

/** Commands of one try. */
const ASKED = 5;

/**
 * Asks the program about a trace with right checksums that it did not make: every answer is one, or a coded error. What
 * `fsck` holds for whole is read whole, and comes back from an export as it was.
 */
export function askAbout(prng: Prng, workshop: Workshop, foreign: Foreign): () => Promise<string | null> {
  const commands = Array.from({ length: ASKED }, () => prng.pick(verbs)(prng, foreign));
  return async () => {
    const file = workshop.put('t.xpr', foreign.bytes);
    const report = fsckOf(foreign.bytes);
    if (report instanceof Error) return `fsck: ${report.stack}`;
    for (const command of commands) {
      const fault = commandFault(await workshop.xpr(command.map((word) => (word === FILE ? file : word))));
      if (fault !== null) return fault;
    }
    return report !== null && report.damaged.length === 0 ? comesBack(workshop, file, foreign.bytes) : null;
  };
}

async function comesBack(workshop: Workshop, file: string, bytes: Uint8Array): Promise<string | null> {
  const exported = await workshop.xpr(['export', file, '--to', 'ndjson', '-o', workshop.path('t.ndjson')]);
  const fault = commandFault(exported);
  if (fault !== null) return fault;
  if (exported.code !== 0) return null;
  const back = workshop.path('u.xpr');
  const imported = await workshop.xpr(['import', workshop.path('t.ndjson'), '-o', back]);
  if (imported.code !== 0) return `an export is not taken back: ${imported.out}${imported.err}`;
  return otherContent(readerOf(bytes), readerOf(readFileSync(back)));
}

const readerOf = (bytes: Uint8Array): TraceReader => TraceReader.open(bytesSource(bytes));

/** Event by event: all texts of two long traces would be more memory than the program takes. */
function otherContent(one: TraceReader, other: TraceReader): string | null {
  if (JSON.stringify(one.header) !== JSON.stringify(other.header))
    return 'an export comes back with another header';
  if (one.events !== other.events) return `an export comes back with ${other.events} events`;
  const back = other.readEvents();
  for (const event of one.readEvents()) {
    const [had, has] = [JSON.stringify(event), JSON.stringify(back.next().value)];
    if (had !== has) return `an export comes back with another event ${event.seq}: ${has}, not ${had}`;
  }
  return null;
}

/** Stands for the trace in a command. */
const FILE = '\u0000file';

type Verb = (prng: Prng, foreign: Foreign) => string[];

const verbs: readonly Verb[] = [
  () => ['info', FILE],
  () => ['info', FILE, '--json'],
  () => ['show', FILE],
  () => ['show', FILE, '--json'],
  (prng, { events }) => ['show', FILE, position(prng, events)],
  (prng) => ['show', FILE, '--where', expression(prng)],
  () => ['replay', FILE],
  () => ['replay', FILE, '--all', '--json'],
  () => ['findings', FILE],
  () => ['findings', FILE, '--json'],
  () => ['state', FILE],
  (prng, { events }) => ['state', FILE, '--json', '--at', position(prng, events)],
  (prng, { events }) => ['state', FILE, '--at', position(prng, events), '--diff', position(prng, events)],
  (prng, { events }) => ['explain', FILE, position(prng, events)],
  (prng, { events }) => ['explain', FILE, position(prng, events), '--json'],
  (prng) => ['what-if', FILE, '--policy', policy(prng)],
  (prng) => ['what-if', FILE, '--policy', policy(prng), '--json'],
  (_prng, { beside }) => ['diff', FILE, beside],
  (prng, { beside }) => ['diff', beside, FILE, '--level', prng.pick(['raw', 'guest', 'hardware']), '--json'],
  () => ['check', FILE],
  () => ['check', FILE, '--json'],
  () => ['fsck', FILE, '--json'],
];

export function position(prng: Prng, events: number): string {
  const at = prng.below(events + 2);
  switch (prng.below(8)) {
    case 0:
      return 'first';
    case 1:
      return 'last';
    case 2:
      return `${at}..${at + prng.below(20)}`;
    case 3:
      return `@${prng.below(2_000_000)}ns`;
    default:
      return String(at);
  }
}

export function policy(prng: Prng): string {
  const [axis, { values }] = prng.pick(Object.entries(axes));
  return `${axis}=${prng.pick(values as readonly string[]).replace('offset:N', 'offset:3')}`;
}

/** A filter that can be right. */
export function expression(prng: Prng): string {
  const kind: KindName = prng.pick(kindNames);
  const fields = Object.keys(catalogue[kind].fields);
  const field = fields.length === 0 ? 'seq' : prng.pick([...fields, 'seq', 'by', 'atNs', 'origin']);
  const value = prng.pick([
    '0',
    '1',
    '0x1f',
    'xen',
    'd0',
    "'a b'",
    'null',
    'true',
    '0000:01:00.0',
    '-5',
    '1e3',
  ]);
  const one = `${field} ${prng.pick(['==', '!=', '<', '>=', '~'])} ${value}`;
  return prng.below(2) === 0 ? one : `kind == ${kind} ${prng.pick(['&&', '||', 'and'])} ${one}`;
}
