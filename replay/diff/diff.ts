import { allProcessed, brokeOff } from '../../src/events/broke-off.js';
import { isInput, kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import type { RecordValue } from '../../src/events/field.js';
import { type Teller, tellers } from '../../src/events/kind.js';
import { sentence } from '../../src/tell/sentence.js';
import { compareValues } from '../run/compare.js';
import { causesOf } from '../seek/causes.js';
import { align, type Stretch } from './align.js';
import { Canonicaliser, type CanonicalOptions, type Token } from './canonical.js';
import { sameMeaning } from './same-meaning.js';
import type { Island, Said, Side } from './side.js';

/** The first event that differs, with its field. */
export interface FirstDivergence {
  /** Its place on each side; null where that side has nothing there. */
  readonly a: number | null;
  readonly b: number | null;
  readonly kind: string;
  readonly field: string;
  readonly aValue: RecordValue | undefined;
  readonly bValue: RecordValue | undefined;
  /** Chain of causes on the side that has the event, nearest first. */
  readonly causes: readonly number[];
}

export interface DiffResult {
  readonly equal: boolean;
  readonly firstDivergence: FirstDivergence | null;
  readonly islands: readonly Island[];
  readonly onlyInA: number;
  readonly onlyInB: number;
  readonly matched: number;
  /** Differences that do not count, by reason. */
  readonly ignored: Readonly<Record<string, number>>;
}

/** Islands that are put into words and whose lasting effect is worked out: that costs a comparison of two whole states. */
const JUDGED = 256;

/** Compares two traces by what they mean. Memory is bounded by the islands found and two windows. */
export function diffTraces(left: Side, right: Side, options: CanonicalOptions): DiffResult {
  const a = new Canonicaliser(left.env, options);
  const b = new Canonicaliser(right.env, options);
  const islands: Island[] = [];
  const ignored = { time: 0, names: 0, fields: 0 };
  let [matched, onlyInA, onlyInB] = [0, 0, 0];
  let [nextA, nextB] = [0, 0];
  let first: Stretch | null = null;
  for (const stretch of align(a.tokens(left.reader.readEvents()), b.tokens(right.reader.readEvents()))) {
    if (stretch.is === 'equal') {
      matched += stretch.a.length;
      if (options.level !== 'raw') count(stretch, ignored, options.ignore);
    } else {
      first ??= stretch;
      onlyInA += stretch.a.length;
      onlyInB += stretch.b.length;
      islands.push({
        aFrom: stretch.a[0]?.event.seq ?? nextA,
        aTo: nextOf(stretch.a) ?? nextA,
        bFrom: stretch.b[0]?.event.seq ?? nextB,
        bTo: nextOf(stretch.b) ?? nextB,
        lasting: null,
        told: tellersOf([...stretch.a, ...stretch.b]),
        events: { a: stretch.a.length, b: stretch.b.length },
        says: islands.length < JUDGED ? { a: said(stretch.a, left), b: said(stretch.b, right) } : null,
        root: { a: rootOf(left, stretch.a[0]), b: rootOf(right, stretch.b[0]) },
      });
    }
    nextA = nextOf(stretch.a) ?? nextA;
    nextB = nextOf(stretch.b) ?? nextB;
  }
  allProcessed(a.events, left.reader.events);
  allProcessed(b.events, right.reader.events);
  return {
    equal: islands.length === 0,
    firstDivergence: first === null ? null : firstOf(first, left, right),
    islands: islands.map((island, i) =>
      i < JUDGED ? { ...island, lasting: !sameMeaning(left, right, island) } : island,
    ),
    onlyInA,
    onlyInB,
    matched,
    ignored: { ...ignored, inferred: a.inferred + b.inferred },
  };
}

/** Events of an island that are put into words. */
const SAID = 4;

const said = (tokens: readonly Token[], { env }: Side): Said[] =>
  tokens
    .slice(0, SAID)
    .map(({ event }) => ({ seq: event.seq, kind: event.kind, text: sentence(event, env.platform) }));

function tellersOf(tokens: readonly Token[]): Teller[] {
  const found = new Set(tokens.flatMap(({ event }) => kindOf(event.kind).told));
  return tellers.filter((one) => found.has(one));
}

const nextOf = (tokens: readonly Token[]): number | null => {
  const last = tokens.at(-1);
  return last === undefined ? null : last.event.seq + 1;
};

function difference({ event }: Token, one: unknown, other: unknown): ReturnType<typeof compareValues> {
  try {
    return compareValues(one, other, '');
  } catch (error) {
    throw brokeOff(error, 'the comparison', event);
  }
}

/** Equal pairs that were not equal to the letter. */
function count(
  { a, b }: Stretch,
  ignored: { time: number; names: number; fields: number },
  fields: ReadonlySet<string>,
): void {
  for (const [i, one] of a.entries()) {
    const other = b[i]!;
    if (one.event.atNs !== other.event.atNs) ignored.time += 1;
    if (difference(one, one.event.data, other.event.data) === null) continue;
    const counting = ({ kind, data }: TraceEvent) =>
      Object.fromEntries(
        Object.entries(data).filter(([name]) => !fields.has(name) && !fields.has(`${kind}.${name}`)),
      );
    if (difference(one, counting(one.event), counting(other.event)) !== null) ignored.names += 1;
    else ignored.fields += 1;
  }
}

function rootOf({ reader }: Side, token: Token | undefined): number | null {
  if (token === undefined) return null;
  const { event } = token;
  return isInput(event) ? event.seq : (causesOf(reader, event).find(isInput)?.seq ?? null);
}

function firstOf({ a, b }: Stretch, left: Side, right: Side): FirstDivergence {
  const [one, other] = [a[0], b[0]];
  const causes = (side: Side, event: TraceEvent): number[] =>
    causesOf(side.reader, event).map(({ seq }) => seq);
  if (one !== undefined && other !== undefined && one.event.kind === other.event.kind) {
    const found = difference(one, one.fields, other.fields);
    return {
      a: one.event.seq,
      b: other.event.seq,
      kind: one.event.kind,
      field: found?.field ?? 'by',
      aValue: found === null ? one.event.by : (found.expected as RecordValue),
      bValue: found === null ? other.event.by : (found.actual as RecordValue),
      causes: causes(left, one.event),
    };
  }
  const here = one ?? other!;
  return {
    a: one?.event.seq ?? null,
    b: other?.event.seq ?? null,
    kind: here.event.kind,
    field: 'kind',
    aValue: one?.event.kind ?? null,
    bValue: other?.event.kind ?? null,
    causes: one === undefined ? causes(right, here.event) : causes(left, here.event),
  };
}
