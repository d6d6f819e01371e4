import { Trouble } from '../../src/base/errors.js';
import { didYouMean } from '../../src/base/near.js';
import type { TraceReader } from '../../src/log/reader.js';
import { rules } from '../../src/rules/index.js';
import { Judge } from '../../src/rules/judge.js';
import type { Env } from '../../src/state/env.js';

/** Events `from` (inclusive) to `to` (exclusive). */
export interface Range {
  readonly from: number;
  readonly to: number;
  /** What was asked for and is not there, in a sentence; null when all of it is. */
  readonly note: string | null;
}

/**
 * Reads a position or a range of them. A position is `N` or `#N`, `@12.5ms`, `first`, `last`, or a finding `SEG-001#2`
 * (the second of that rule); a range is two of them, `N..M`, both ends included, and an end left out is the trace's.
 * @throws {Trouble} POS-001 unreadable, POS-002 not in the trace, POS-003 no such finding
 */
export function parsePosition(text: string, reader: TraceReader, env: Env): Range {
  const dots = text.indexOf('..');
  if (dots < 0) {
    const { seq, note } = end(text, text, { reader, env }, 'last');
    return { from: seq, to: seq + 1, note };
  }
  const [left, right] = [text.slice(0, dots), text.slice(dots + 2)];
  if (left === '' && right === '') throw unreadable(text);
  const from = end(left === '' ? 'first' : left, text, { reader, env }, 'next');
  const to = end(right === '' ? 'last' : right, text, { reader, env }, 'clip');
  // Between two times there may be nothing.
  if (to.seq < from.seq && !(left.startsWith('@') && right.startsWith('@') && !isAfter(left, right))) {
    throw unreadable(text);
  }
  return { from: from.seq, to: Math.max(from.seq, to.seq + 1), note: to.note ?? from.note };
}

/** The one event a position names. @throws {Trouble} as `parsePosition`, POS-004 a range */
export function parseEventPosition(text: string, reader: TraceReader, env: Env): Range {
  if (!text.includes('..')) return parsePosition(text, reader, env);
  throw new Trouble('POS-004', 'one event is wanted, not a range', {
    actual: text,
    expected: 'N, @12.5ms, first, last or a finding as SEG-001#2',
  });
}

interface Trace {
  readonly reader: TraceReader;
  readonly env: Env;
}

/** @param how Which event a time names: the last one not after it, or as the start of a range the first not before. */
function end(text: string, whole: string, { reader, env }: Trace, how: 'last' | 'next' | 'clip') {
  const { events } = reader;
  const one = (seq: number) => {
    if (seq >= 0 && seq < events) return { seq, note: null };
    if (how === 'clip' && seq >= events && events > 0) {
      return { seq: events - 1, note: `the trace ends at #${events - 1}` };
    }
    throw new Trouble('POS-002', `event ${seq} is not in the trace`, {
      actual: String(seq),
      expected: events === 0 ? 'nothing: the trace is empty' : `0 to ${events - 1}`,
    });
  };
  if (text === 'first') return one(0);
  if (text === 'last') return one(events - 1);
  if (/^#?\d+$/.test(text)) return one(Number(text.replace('#', '')));
  if (/^0x[0-9a-f]+$/i.test(text)) return one(Number(text));
  const atNs = timeOf(text);
  if (atNs !== null && events > 0) return atTime(reader, atNs, text, how === 'next');
  const finding = /^([A-Z]+-\d+)(?:#(\d+))?$/.exec(text);
  if (finding !== null) return one(atFinding(reader, env, finding[1]!, Number(finding[2] ?? 1)));
  if (atNs !== null) return one(0);
  throw unreadable(whole);
}

/** `@12.5ms` in nanoseconds; `@0` needs no unit. */
function timeOf(text: string): number | null {
  const time = /^@(?:(\d+(?:\.\d+)?)(ns|us|ms|s)|0)$/.exec(text);
  if (time === null) return null;
  return time[1] === undefined ? 0 : Math.round(Number(time[1]) * unitNs[time[2] as keyof typeof unitNs]);
}

const isAfter = (one: string, other: string): boolean => (timeOf(one) ?? 0) > (timeOf(other) ?? 0);

const unitNs = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 } as const;

const unreadable = (text: string): Trouble =>
  new Trouble('POS-001', `no position: ${text}`, {
    actual: text,
    expected: 'N, N..M, N.., @12.5ms, first, last or a finding as SEG-001#2',
    ...hintFor(text),
  });

function hintFor(text: string): { readonly hint?: string } {
  const hint = didYouMean(text, ['first', 'last', ...rules.map(({ code }) => code)]);
  return hint === null ? {} : { hint };
}

/** The last event not after a time, the first event when all are later; or the first event not before it. */
function atTime(reader: TraceReader, atNs: number, text: string, next: boolean) {
  let seq = 0;
  for (const event of reader.readEvents()) {
    if (next ? event.atNs >= atNs : event.atNs > atNs) return { seq: next ? event.seq : seq, note: null };
    seq = event.seq;
  }
  const last = reader.eventAt(seq).atNs;
  return {
    seq: next ? seq + 1 : seq,
    note: last === atNs ? null : `the trace ends at #${seq}, ${last} ns, before ${text}`,
  };
}

function atFinding(reader: TraceReader, env: Env, code: string, ordinal: number): number {
  const judge = new Judge(env, { only: [code] });
  for (const event of reader.readEvents()) {
    judge.see(event);
    if (judge.found.count >= ordinal) return event.seq;
  }
  const known = rules.map((rule) => rule.code);
  throw new Trouble('POS-003', `the trace has no finding ${code}#${ordinal}`, {
    actual: known.includes(code) ? `${judge.found.count} of ${code}` : `no rule ${code}`,
    hint: (known.includes(code) ? null : didYouMean(code, known)) ?? 'xpr findings lists them',
  });
}
