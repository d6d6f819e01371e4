import { limits } from '../../base/limits.js';
import type { Format, Out } from '../importer.js';
import { lines } from '../lines.js';
import { readTapRow, type TapCall, tapInput } from './read.js';

/** What breakpoints inside a running Xen wrote down: hypercalls about PCI with arguments and results. */
export const xenTapFormat: Format = {
  name: 'xen-tap',
  doc: 'calls of physdev_op, domctl and pci_conf_write_intercept with their arguments, one JSON object a line',
  detect: (head) =>
    /^\{[^\n]*"fn": ?"(?:physdev_op|domctl|pci_conf_write_intercept|vpci_read|vpci_write)"/.test(
      new TextDecoder('latin1').decode(head),
    ),
  open(out) {
    out.fact({ is: 'name', name: 'xen-tap' });
    const zero: { of: 'tsc' | 'seconds' | null; value: number } = { of: null, value: 0 };
    const take = (row: string, number: number): void => {
      if (row.trim() === '') return;
      const call = readTapRow(row, null, number);
      if (call === null || !say(out, call, sinceZero(out, zero, call))) out.counts.skipped += 1;
      out.counts.records += 1;
    };
    return lines(
      {
        line: take,
        end: (rest, number) => {
          if (rest === '') return;
          // A row shows by its last brace whether it is whole.
          if (rest.trimEnd().endsWith('}')) take(rest, number);
          else out.counts.lost += 1;
        },
      },
      limits.tapLineBytes,
    );
  },
};

/** Nanoseconds since the first call that has a time; null where this one has none of that kind. */
function sinceZero(
  out: Out,
  zero: { of: 'tsc' | 'seconds' | null; value: number },
  { time }: TapCall,
): number | null {
  if (time === null) return null;
  const [of, value] = 'tsc' in time ? (['tsc', time.tsc] as const) : (['seconds', time.seconds] as const);
  if (zero.of === null) {
    zero.of = of;
    zero.value = value;
    out.clock(of === 'tsc' ? { is: 'tsc', zeroUs: Math.floor(value / 2_400) } : { is: 'own' });
  }
  if (zero.of !== of) return null;
  return of === 'tsc' ? Math.floor((value - zero.value) / 12) * 5 : Math.round((value - zero.value) * 1e9);
}

/** @returns Whether the tap holds enough of the call. */
function say(out: Out, call: TapCall, atNs: number | null): boolean {
  const draft = tapInput(call);
  if (draft === null) return false;
  const at = atNs === null ? {} : { atNs };
  if (draft.kind === 'config.requested') {
    out.event({ kind: draft.kind, by: draft.by, origin: 'observed', ...at, data: draft.data });
    return true;
  }
  if (draft.kind !== 'hypercall.issued') return false;
  const cause = out.event({ kind: draft.kind, by: draft.by, origin: 'observed', ...at, data: draft.data });
  // A recording that ended inside the call has no result.
  if (call.ret !== null) {
    const data = { ret: call.ret, out: call.out };
    out.event({ kind: 'hypercall.returned', by: 'xen', origin: 'observed', ...at, cause, data });
  }
  return true;
}
