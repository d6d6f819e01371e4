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
}

/**
 * Reads a position: `N`, `N..M`, `@12.5ms`, `first`, `last`, or a finding `SEG-001#2` (the second of that rule).
 * @throws {Trouble} POS-001 unreadable, POS-002 not in the trace, POS-003 no such finding
 */
export function parsePosition(text: string, reader: TraceReader, env: Env): Range {
  const { events } = reader;
  const one = (seq: number): Range => {
    if (seq < 0 || seq >= events) {
      throw new Trouble('POS-002', `event ${seq} is not in the trace`, {
        actual: String(seq),
        expected: events === 0 ? 'nothing: the trace is empty' : `0 to ${events - 1}`,
      });
    }
    return { from: seq, to: seq + 1 };
  };
  if (text === 'first') return one(0);
  if (text === 'last') return one(events - 1);
  if (/^\d+$/.test(text)) return one(Number(text));
  const range = /^(\d+)\.\.(\d+)$/.exec(text);
  if (range !== null) {
    const [from, to] = [one(Number(range[1])).from, Number(range[2])];
    if (to < from) throw unreadable(text);
    return { from, to: Math.min(to + 1, events) };
  }
  const time = /^@(\d+(?:\.\d+)?)(ns|us|ms|s)$/.exec(text);
  if (time !== null)
    return one(atTime(reader, Math.round(Number(time[1]) * unitNs[time[2] as keyof typeof unitNs])));
  const finding = /^([A-Z]+-\d+)(?:#(\d+))?$/.exec(text);
  if (finding !== null) return one(atFinding(reader, env, finding[1]!, Number(finding[2] ?? 1)));
  throw unreadable(text);
}

const unitNs = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 } as const;

const unreadable = (text: string): Trouble =>
  new Trouble('POS-001', `no position: ${text}`, {
    actual: text,
    expected: 'N, N..M, @12.5ms, first, last or a finding as SEG-001#2',
    ...hintFor(text),
  });

function hintFor(text: string): { readonly hint?: string } {
  const hint = didYouMean(text, ['first', 'last', ...rules.map(({ code }) => code)]);
  return hint === null ? {} : { hint };
}

/** The last event not after a time; the first event when all are later. */
function atTime(reader: TraceReader, atNs: number): number {
  let seq = 0;
  for (const event of reader.readEvents()) {
    if (event.atNs > atNs) break;
    seq = event.seq;
  }
  return seq;
}

function atFinding(reader: TraceReader, env: Env, code: string, ordinal: number): number {
  const judge = new Judge(env, [code]);
  for (const event of reader.readEvents()) {
    judge.see(event);
    const finding = judge.findings[ordinal - 1];
    if (finding !== undefined) return finding.seq;
  }
  const known = rules.map((rule) => rule.code);
  throw new Trouble('POS-003', `the trace has no finding ${code}#${ordinal}`, {
    actual: known.includes(code) ? `${judge.findings.length} of ${code}` : `no rule ${code}`,
    hint: (known.includes(code) ? null : didYouMean(code, known)) ?? 'xpr findings lists them',
  });
}
