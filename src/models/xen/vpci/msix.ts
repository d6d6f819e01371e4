import { errno } from '../../../base/errno.js';
import { hex } from '../../../base/hex.js';
import { untouchedEntry, type VpciBar, type VpciMsix, type VpciMsixEntry } from '../../../state/vpci.js';
import { disableIntx, isDeliverable } from './msi.js';
import { pbaBytes, tableBytes } from './msix-layout.js';
import type { InterruptRequest, VpciPorts } from './ports.js';

export const msixRegisters = {
  control: (position: number): number => position + 2,
  table: (position: number): number => position + 4,
  pba: (position: number): number => position + 8,
} as const;

const ENABLE = 0x8000;
const MASK_ALL = 0x4000;
const SIZE_MASK = 0x07ff;

const entriesIn = (control: number): number => (control & SIZE_MASK) + 1;

export const entryAt = (msix: Readonly<VpciMsix>, nr: number): Readonly<VpciMsixEntry> =>
  msix.entries[nr] ?? untouchedEntry;

export function msixControl(msix: Readonly<VpciMsix>): number {
  return (msix.entryCount - 1) | (msix.enabled ? ENABLE : 0) | (msix.masked ? MASK_ALL : 0);
}

/**
 * Writes to the control word: enabling with the function mask off takes over every unmasked entry that was written,
 * disabling gives all of them back. @source facts/xen 5.7
 */
export function writeMsixControl(ports: VpciPorts, msix: Readonly<VpciMsix>, value: number): void {
  const masked = (value & MASK_ALL) !== 0;
  const enabled = (value & ENABLE) !== 0;
  const { enabled: wasEnabled, masked: wasMasked, entryCount, position } = msix;
  if (masked === wasMasked && enabled === wasEnabled) return;
  if (enabled && !masked && (!wasEnabled || wasMasked)) {
    for (const nr of touched(msix)) {
      const entry = entryAt(ports.device().msix!, nr);
      if (nr < entryCount && !entry.masked && entry.updated) updateEntry(ports, nr);
    }
  } else if (!enabled && wasEnabled) {
    for (const nr of touched(msix)) {
      if (entryAt(ports.device().msix!, nr).mapped) releaseEntry(ports, nr, { updated: true });
    }
  }
  if (enabled && !wasEnabled && !ports.isHardwareDomain) disableIntx(ports);
  ports.change('msix', 0, { masked, enabled });
  ports.hwWrite(msixRegisters.control(position), 2, msixControl(ports.device().msix!));
}

/** Numbers of entries that left their initial state, ascending. */
const touched = (msix: Readonly<VpciMsix>): number[] => Object.keys(msix.entries).map(Number);

/** `update_entry`: what was mapped is given back, then the entry's present message is mapped and bound. */
export function updateEntry(ports: VpciPorts, nr: number): void {
  if (entryAt(ports.device().msix!, nr).mapped) releaseEntry(ports, nr, {});
  const entry = entryAt(ports.device().msix!, nr);
  const pirq = ports.interrupt(entryRequest(nr, entry, 'map'));
  if (pirq < 0) {
    ports.warn(`unable to enable entry ${nr}: ${pirq}`);
    return;
  }
  const deliverable = isDeliverable(entry.addressLo, entry.addressHi);
  const mapped = { ...entry, pirq };
  const bound = ports.interrupt(entryRequest(nr, mapped, deliverable ? 'bind' : 'refuse'));
  if (!deliverable || bound < 0) {
    ports.interrupt(entryRequest(nr, mapped, 'unmap'));
    ports.warn(`unable to enable entry ${nr}: ${deliverable ? bound : -errno.EOPNOTSUPP}`);
    return;
  }
  ports.change('entry', nr, { mapped: true, pirq, updated: false });
}

function releaseEntry(ports: VpciPorts, nr: number, fields: Partial<VpciMsixEntry>): void {
  const entry = entryAt(ports.device().msix!, nr);
  ports.interrupt(entryRequest(nr, entry, 'unbind'));
  ports.interrupt(entryRequest(nr, entry, 'unmap'));
  ports.change('entry', nr, { mapped: false, ...fields });
}

export const entryRequest = (
  entry: number,
  { addressLo, addressHi, data, masked, pirq }: Readonly<VpciMsixEntry>,
  action: InterruptRequest['action'],
): InterruptRequest => ({
  source: 'msi-x',
  entry,
  action,
  addressLo,
  addressHi,
  data,
  masked,
  pirq,
  vectors: 1,
});

/** Reads control, table and PBA registers of a function. */
export function probeMsix(ports: VpciPorts, position: number): VpciMsix {
  const entryCount = entriesIn(ports.hwRead(msixRegisters.control(position), 2));
  return {
    position,
    entryCount,
    enabled: false,
    masked: false,
    table: ports.hwRead(msixRegisters.table(position), 4),
    pba: ports.hwRead(msixRegisters.pba(position), 4),
    entries: {},
  };
}

/** Table and PBA must lie inside memory BARs; else the log line of the first that does not. @source facts/xen 5.7 */
export function msixFault(msix: Readonly<VpciMsix>, bars: readonly VpciBar[]): string | null {
  const regions = [
    ['vector', msix.table, tableBytes(msix.entryCount)],
    ['PBA', msix.pba, pbaBytes(msix.entryCount)],
  ] as const;
  for (const [name, register, sizeBytes] of regions) {
    const bir = register & 7;
    const bar = bars[bir];
    if (bar === undefined) return `MSI-X ${name} table with out of range BIR ${bir}`;
    if (bar.type !== 'mem32' && bar.type !== 'mem64-lo')
      return `MSI-X ${name} table at invalid BAR${bir} with type ${bar.type}`;
    const offset = (register & ~7) >>> 0;
    const barBytes = bar.sizeHi * 2 ** 32 + bar.sizeLo;
    if (offset + sizeBytes > barBytes)
      return `MSI-X ${name} table offset ${hex(offset)} size ${hex(sizeBytes)} outside of BAR${bir} size ${hex(barBytes)}`;
  }
  return null;
}
