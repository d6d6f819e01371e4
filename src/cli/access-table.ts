import type { WhatIf } from '../../replay/run/what-if.js';
import { hex } from '../base/hex.js';
import type { TraceEvent } from '../events/catalogue.js';
import { briefText } from '../tell/event-line.js';
import { presentEvent } from '../tell/present.js';
import { table } from '../tell/table.js';
import type { OpenTrace } from './trace-file.js';

/** Accesses listed; JSON has more. */
const LISTED = 40;
/** Characters of an access' own line. */
const WIDTH = 72;

/** Every access that some variant answers otherwise: what the recording says of it, and what each variant says. */
export function accessTable(
  results: readonly WhatIf[],
  titles: readonly string[],
  trace: OpenTrace,
): string[] | null {
  const rows = differing(results);
  if (rows.length === 0) return null;
  const lines = rows.slice(0, LISTED).map(({ seq, recorded, reason, register, variants, reasons }) => {
    const event = trace.reader.eventAt(seq);
    const text = accessText(event, register) ?? briefText(presentEvent(event, trace.env.platform));
    return [
      text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text,
      withReason(recorded, reason),
      ...variants.map((one, i) => withReason(one, reasons[i]!)),
    ];
  });
  const more = rows.length - lines.length + Math.max(...results.map(countedOnly));
  const atLeast = results.filter((result) => countedOnly(result) > 0).length > 0 && results.length > 1;
  const rest = more > 0 ? [`and ${atLeast ? 'at least ' : ''}${more} more accesses`] : [];
  return [...table([['access', 'as recorded', ...titles], ...lines]), ...rest];
}

/** A guest's access in short, with the register it reached for; null for other events. */
function accessText(event: TraceEvent, register: string | null): string | null {
  if (event.kind !== 'io.requested') return null;
  const { vcpu, domid, space, addr, size, dir, value } = event.data;
  const what = dir === 'write' && value !== null ? `write ${hex(value)}` : dir;
  const place = register ?? `${space} ${hex(addr)}`;
  const through = register === null ? '' : space === 'port' ? ' by cf8' : ' by ecam';
  return `#${event.seq} d${domid}v${vcpu} ${place}/${size} ${what}${through}`;
}

/** The same for JSON. */
export function accessesJson(
  results: readonly WhatIf[],
  titles: readonly string[],
): Record<string, unknown>[] {
  return differing(results).map(({ seq, recorded, reason, register, variants, reasons }) => ({
    seq,
    register,
    recorded,
    reason,
    variants: Object.fromEntries(titles.map((title, i) => [title, variants[i]!])),
    reasons: Object.fromEntries(titles.map((title, i) => [title, reasons[i] ?? reason])),
  }));
}

/** Accesses of a variant that are counted and not told. */
const countedOnly = ({ accesses, changedAccesses }: WhatIf): number => changedAccesses - accesses.length;

/** Accesses behind this one are only counted, in one variant at least; null when every one is told. */
export function toldUpTo(results: readonly WhatIf[]): number | null {
  const cut = results
    .filter((result) => countedOnly(result) > 0)
    .map(({ accesses }) => accesses.at(-1)?.seq ?? -1);
  return cut.length === 0 ? null : Math.min(...cut);
}

interface DifferingAccess {
  readonly seq: number;
  readonly recorded: string;
  readonly register: string | null;
  /** Which rule of the design chose who answers; null for what is no access. */
  readonly reason: string | null;
  readonly variants: readonly string[];
  readonly reasons: readonly (string | null)[];
}

/** `server:0 0x12 (window)`; owners that name their reason themselves stand alone. */
const withReason = (text: string, reason: string | null): string =>
  reason === null || reason === 'nobody' || reason === 'own chipset' || reason === 'intercept'
    ? text
    : `${text} (${reason})`;

/** A variant that agrees with the recording about an access has `=` there. */
function differing(results: readonly WhatIf[]): DifferingAccess[] {
  const bySeq = new Map<number, DifferingAccess & { variants: string[]; reasons: (string | null)[] }>();
  const last = toldUpTo(results) ?? Number.POSITIVE_INFINITY;
  for (const [i, { accesses }] of results.entries()) {
    for (const { seq, recorded, variant, register, recordedReason, variantReason } of accesses) {
      if (seq > last) break;
      const known = bySeq.get(seq) ?? {
        seq,
        recorded,
        register,
        reason: recordedReason,
        variants: results.map(() => '='),
        reasons: results.map(() => null),
      };
      known.variants[i] = variant;
      known.reasons[i] = variantReason;
      bySeq.set(seq, known);
    }
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
