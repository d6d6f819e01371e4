import { Trouble } from '../../../src/base/errors.js';
import { formatBdf } from '../../../src/pci/sbdf.js';

/** One call of Xen's `vpci_read` or `vpci_write`. */
export interface TapCall {
  readonly seq: number;
  readonly dir: 'read' | 'write';
  /** `bb:dd.f`; null when the segment is not 0 (the bus log has no segments). */
  readonly fn: string | null;
  readonly sbdf: string;
  readonly reg: number;
  readonly size: number;
  /** A record before this one is missing: the recording's numbers skip. */
  readonly isAfterGap: boolean;
  /** Functions that hypercalls took away from the domain since the call before. */
  readonly detached: readonly string[];
  /** Result of a read, data of a write; null when the recording ended inside the call. */
  readonly value: number | null;
}

/** The vPCI calls of a tap, in the order of entry. @throws {Trouble} CNF-013 a line is not such a record */
export function readVpciTap(text: string, file: string): TapCall[] {
  const calls: TapCall[] = [];
  let previous = 0;
  let isAfterGap = false;
  let detached: string[] = [];
  for (const [index, row] of text.split('\n').entries()) {
    const seq = Number(/^\{"seq":(\d+)/.exec(row)?.[1] ?? Number.NaN);
    if (previous > 0 && seq > previous + 1) isAfterGap = true;
    if (seq > 0) previous = seq;
    const isCall = row.includes('"vpci_');
    if (!isCall && !/"name":"(pci_device_remove|assign_device)"/.test(row)) continue;
    try {
      const record = JSON.parse(row) as Readonly<Record<string, unknown>>;
      if (!isCall) {
        detached.push(...takenAway(record));
        continue;
      }
      calls.push(toCall(record, isAfterGap, detached));
      isAfterGap = false;
      detached = [];
    } catch (error) {
      const actual = error instanceof Error ? error.message : String(error);
      throw new Trouble('CNF-013', 'not a vPCI call', { file, at: { line: index + 1 }, actual });
    }
  }
  return calls;
}

/** The function a successful pci_device_remove or assign_device names; none otherwise. */
function takenAway({ ret, args }: Readonly<Record<string, unknown>>): string[] {
  if (ret !== 0 || typeof args !== 'object' || args === null) return [];
  const { sbdf, seg, bus, devfn } = args as Readonly<Record<string, unknown>>;
  if (typeof sbdf === 'string') return sbdf.startsWith('0000:') ? [sbdf.slice(5)] : [];
  return seg === 0 && typeof bus === 'number' && typeof devfn === 'number'
    ? [formatBdf((bus << 8) | devfn)]
    : [];
}

function toCall(
  record: Readonly<Record<string, unknown>>,
  isAfterGap: boolean,
  detached: readonly string[],
): TapCall {
  const { seq, fn, sbdf, reg, size, ret, data } = record;
  if (typeof seq !== 'number' || typeof sbdf !== 'string' || typeof reg !== 'number')
    throw new Error('fields');
  if (size !== 1 && size !== 2 && size !== 4) throw new Error('size');
  const dir = fn === 'vpci_read' ? 'read' : 'write';
  const value = dir === 'read' ? ret : data;
  return {
    seq,
    dir,
    sbdf,
    fn: sbdf.startsWith('0000:') ? sbdf.slice(5) : null,
    reg,
    size,
    isAfterGap,
    detached,
    value: typeof value === 'number' ? value : null,
  };
}
