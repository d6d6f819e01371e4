import type { XentraceRecord } from './record.js';

/** A hypercall of a PV domain as the trace holds it: its number, and whether it stood in a multicall. */
export interface RecordedHypercall {
  readonly nr: number;
  readonly isSubcall: boolean;
}

const PV_HYPERCALL_V2 = 0x0020_100d;
const PV_HYPERCALL_SUBCALL = 0x0020_200e;

/** Null for a record that is no hypercall. Sub-operations and most arguments are not in the trace. @source facts/xen 9.4 */
export function decodeHypercall({ event, words }: XentraceRecord): RecordedHypercall | null {
  if (event !== PV_HYPERCALL_V2 && event !== PV_HYPERCALL_SUBCALL) return null;
  const head = words[0];
  return head === undefined ? null : { nr: head & 0xf_ffff, isSubcall: event === PV_HYPERCALL_SUBCALL };
}
