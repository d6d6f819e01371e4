import type { WhatIf } from '../../replay/what-if.js';
import { presentEvent } from '../events/present.js';
import { briefText } from './event-line.js';
import { table } from './table.js';
import type { OpenTrace } from './trace-file.js';

/** Accesses listed; JSON has all. */
const LISTED = 40;
/** Characters of an access' own line. */
const WIDTH = 72;

/** Every access that some variant answers otherwise: what the recording says of it, and what each variant says. */
export function accessTable(
  results: readonly WhatIf[],
  titles: readonly string[],
  trace: OpenTrace,
): string | null {
  const rows = differing(results);
  if (rows.length === 0) return null;
  const lines = rows.slice(0, LISTED).map(({ seq, recorded, variants }) => {
    const event = presentEvent(trace.reader.eventAt(seq), trace.env.platform);
    const text = briefText(event);
    return [text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text, recorded, ...variants];
  });
  const rest = rows.length > LISTED ? `\nand ${rows.length - LISTED} more accesses` : '';
  return `${table([['access', 'as recorded', ...titles], ...lines])}${rest}`;
}

/** The same for JSON. */
export function accessesJson(
  results: readonly WhatIf[],
  titles: readonly string[],
): Record<string, unknown>[] {
  return differing(results).map(({ seq, recorded, variants }) => ({
    seq,
    recorded,
    variants: Object.fromEntries(titles.map((title, i) => [title, variants[i]!])),
  }));
}

interface DifferingAccess {
  readonly seq: number;
  readonly recorded: string;
  readonly variants: readonly string[];
}

/** A variant that agrees with the recording about an access has `=` there. */
function differing(results: readonly WhatIf[]): DifferingAccess[] {
  const bySeq = new Map<number, DifferingAccess & { variants: string[] }>();
  for (const [i, { accesses }] of results.entries()) {
    for (const { seq, recorded, variant } of accesses) {
      const known = bySeq.get(seq) ?? { seq, recorded, variants: results.map(() => '=') };
      known.variants[i] = variant;
      bySeq.set(seq, known);
    }
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
