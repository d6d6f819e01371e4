import type { ReadonlyVpciDevice, VpciMsixEntry } from '../../../state/vpci.js';
import { overlaps } from './frames.js';
import { entryAt, entryRequest, updateEntry } from './msix.js';
import { MSIX_ENTRY_BYTES, msixFrames, msixRegions } from './msix-layout.js';
import type { VpciPorts } from './ports.js';

/** A 64-bit quantity in halves. */
export interface Halves {
  readonly lo: number;
  readonly hi: number;
}

/** Where a guest address falls: the table itself, the PBA, or the rest of their pages. */
export type TableHit =
  | { readonly kind: 'table'; readonly entry: number; readonly offset: number }
  | { readonly kind: 'pba' }
  | { readonly kind: 'adjacent' };

/**
 * Whether vPCI traps an access to this guest address of the function: the pages of table and PBA while their BAR is
 * mapped. @source facts/xen 5.7
 */
export function findTableHit(device: ReadonlyVpciDevice, address: number): TableHit | null {
  const regions = msixRegions(device);
  if (regions === null) return null;
  const frame = Math.floor(address / 4096);
  const point = { first: frame, last: frame };
  const frames = msixFrames(device);
  const isTrapped = regions.some(
    ({ bar }, i) =>
      device.bars[bar]?.enabled === true && frames[i] !== undefined && overlaps(frames[i], point),
  );
  if (!isTrapped) return null;
  const offsets = regions.map(({ addressLo, addressHi, sizeBytes }) => {
    const offset = address - (addressHi * 2 ** 32 + addressLo);
    return offset >= 0 && offset < sizeBytes ? offset : null;
  });
  if (offsets[1] !== null && offsets[1] !== undefined) return { kind: 'pba' };
  const offset = offsets[0];
  if (offset === null || offset === undefined) return { kind: 'adjacent' };
  return { kind: 'table', entry: Math.floor(offset / MSIX_ENTRY_BYTES), offset: offset % MSIX_ENTRY_BYTES };
}

/** Only aligned accesses of 4 or 8 bytes reach the table. @source facts/xen 5.7 */
const isTableAccess = (address: number, sizeBytes: number): boolean =>
  (sizeBytes === 4 || sizeBytes === 8) && address % sizeBytes === 0;

const ONES: Halves = { lo: 0xffff_ffff, hi: 0xffff_ffff };

/** A read of the emulated table. Sizes or alignments that are not allowed read all ones with a warning. */
export function readTable(ports: VpciPorts, address: number, sizeBytes: number): Halves {
  const { msix } = ports.device();
  const hit = findTableHit(ports.device(), address);
  if (msix === null || hit?.kind !== 'table') return ONES;
  if (!isTableAccess(address, sizeBytes)) {
    ports.warn('unaligned or invalid size MSI-X table access');
    return ONES;
  }
  const entry = entryAt(msix, hit.entry);
  const mask = entry.masked ? 1 : 0;
  const wide = (lo: number, hi: number): Halves => ({ lo, hi: sizeBytes === 8 ? hi : 0 });
  switch (hit.offset) {
    case 0:
      return wide(entry.addressLo, entry.addressHi);
    case 4:
      return wide(entry.addressHi, 0);
    case 8:
      return wide(entry.data, mask);
    default:
      return wide(mask, 0);
  }
}

/** A write to the emulated table. @source facts/xen 5.7 */
export function writeTable(ports: VpciPorts, address: number, sizeBytes: number, { lo, hi }: Halves): void {
  const { msix } = ports.device();
  const hit = findTableHit(ports.device(), address);
  if (msix === null || hit?.kind !== 'table') return;
  if (!isTableAccess(address, sizeBytes)) {
    ports.warn('unaligned or invalid size MSI-X table access');
    return;
  }
  const store = (fields: Partial<VpciMsixEntry>): void =>
    ports.change('entry', hit.entry, { ...fields, updated: true });
  switch (hit.offset) {
    case 0:
      store(sizeBytes === 8 ? { addressLo: lo, addressHi: hi } : { addressLo: lo });
      return;
    case 4:
      store({ addressHi: lo });
      return;
    case 8:
      store({ data: lo });
      if (sizeBytes === 8) writeEntryControl(ports, hit.entry, hi);
      return;
    default:
      writeEntryControl(ports, hit.entry, lo);
  }
}

/** Unmasking a rewritten entry while MSI-X is on takes the new message over; otherwise only the mask moves. */
function writeEntryControl(ports: VpciPorts, nr: number, control: number): void {
  const { msix } = ports.device();
  if (msix === null) return;
  const masked = (control & 1) !== 0;
  if (entryAt(msix, nr).masked === masked) return;
  ports.change('entry', nr, { masked });
  const now = ports.device().msix!;
  const entry = entryAt(now, nr);
  if (!masked && now.enabled && !now.masked && entry.updated) updateEntry(ports, nr);
  else if (entry.mapped) ports.interrupt(entryRequest(nr, entry, masked ? 'mask' : 'unmask'));
}
