import type { ReadonlyVpciDevice } from '../../../state/vpci.js';
import { type FrameRange, framesOf } from './frames.js';

export const MSIX_ENTRY_BYTES = 16;

export const tableBytes = (entryCount: number): number => entryCount * MSIX_ENTRY_BYTES;
/** One bit an entry, in whole 64-bit words. */
export const pbaBytes = (entryCount: number): number => Math.ceil(Math.ceil(entryCount / 8) / 8) * 8;

export interface MsixRegion {
  readonly bar: number;
  readonly addressLo: number;
  readonly addressHi: number;
  readonly sizeBytes: number;
}

/** Guest address of the table and of the PBA; none without MSI-X. Their BAR follows from bits 2:0. */
export function msixRegions({ msix, bars }: ReadonlyVpciDevice): readonly [MsixRegion, MsixRegion] | null {
  if (msix === null) return null;
  const region = (register: number, sizeBytes: number): MsixRegion => {
    const index = register & 7;
    const bar = bars[index];
    const sum = (bar?.guestLo ?? 0) + ((register & ~7) >>> 0);
    return {
      bar: index,
      addressLo: sum >>> 0,
      addressHi: (bar?.guestHi ?? 0) + (sum > 0xffff_ffff ? 1 : 0),
      sizeBytes,
    };
  };
  return [region(msix.table, tableBytes(msix.entryCount)), region(msix.pba, pbaBytes(msix.entryCount))];
}

/** Frames of the table and the PBA: never mapped, so that accesses trap. @source facts/xen 5.5, 5.7 */
export function msixFrames(device: ReadonlyVpciDevice): FrameRange[] {
  return (msixRegions(device) ?? []).flatMap(({ addressLo, addressHi, sizeBytes }) => {
    const frames = framesOf(addressLo, addressHi, sizeBytes, 0);
    return frames === null ? [] : [frames];
  });
}
