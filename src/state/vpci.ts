import type { Immutable } from 'immer';
import type { RecordObject, RecordValue } from '../events/field.js';
import type { Slice } from './slice.js';

/** What answers a read of an emulated register. */
const vpciReads = [
  'ones',
  'value',
  'hw',
  'guest-command',
  'guest-bar',
  'msi-control',
  'msi-address',
  'msi-address-hi',
  'msi-data',
  'msi-mask',
  'msix-control',
] as const;
export type VpciRead = (typeof vpciReads)[number];

/** What takes a write to an emulated register. */
const vpciWrites = [
  'ignored',
  'hw',
  'command',
  'bar',
  'guest-bar',
  'rom',
  'msi-control',
  'msi-address',
  'msi-address-hi',
  'msi-data',
  'msi-mask',
  'msix-control',
  'rebar-control',
] as const;
export type VpciWrite = (typeof vpciWrites)[number];

/** One rule of a handler list. @source facts/xen 5.2 */
export interface VpciRegister {
  offset: number;
  size: number;
  read: VpciRead;
  write: VpciWrite;
  /** The constant of `value`, the BAR's index of `bar`, `guest-bar`, `rom` and `rebar-control`. */
  arg: number;
  ro: number;
  rw1c: number;
  rsvdp: number;
  rsvdz: number;
}

const vpciBarTypes = ['empty', 'io', 'mem32', 'mem64-lo', 'mem64-hi', 'rom'] as const;
export type VpciBarType = (typeof vpciBarTypes)[number];

/** One BAR as vPCI knows it; 64-bit quantities are split, guest writes may set all 64 bits. @source facts/xen 5.5 */
export interface VpciBar {
  type: VpciBarType;
  addressLo: number;
  addressHi: number;
  guestLo: number;
  guestHi: number;
  sizeLo: number;
  sizeHi: number;
  prefetchable: boolean;
  /** Mapped into the domain's physical address space. */
  enabled: boolean;
  /** Sizes a resizable BAR offers: bit n stands for 2^(n + 20) bytes; below 2^44. */
  resizableSizes: number;
}

export interface VpciHeader {
  /** COMMAND as an unprivileged owner sees it. */
  guestCommand: number;
  barsMapped: boolean;
  romEnabled: boolean;
  /** 6 for endpoints, 2 for bridges; the ROM is the BAR at this index. */
  barCount: number;
}

/** @source facts/xen 5.7 */
export interface VpciMsi {
  position: number;
  maxVectors: number;
  vectors: number;
  address64: boolean;
  masking: boolean;
  enabled: boolean;
  /** A pirq block is mapped; it may still be unbound when the address was refused. */
  mapped: boolean;
  /** First pirq of the block; meaningful while `mapped`. */
  pirq: number;
  bound: boolean;
  addressLo: number;
  addressHi: number;
  data: number;
  mask: number;
}

/** One MSI-X table entry that left its initial state. */
export interface VpciMsixEntry {
  addressLo: number;
  addressHi: number;
  data: number;
  masked: boolean;
  /** Address or data were written since Xen last took them over. */
  updated: boolean;
  mapped: boolean;
  /** Meaningful while `mapped`. */
  pirq: number;
}

export interface VpciMsix {
  position: number;
  entryCount: number;
  enabled: boolean;
  masked: boolean;
  /** Table and PBA registers: offset with the BAR index in bits 2:0. */
  table: number;
  pba: number;
  /** By entry number; an absent one is masked, untouched and unmapped. */
  entries: Record<number, VpciMsixEntry>;
}

/** A function's emulated configuration space in one domain. */
export interface VpciDevice {
  domid: number;
  /** The name the guest uses; null for the hardware domain, which uses Xen's own. */
  guestSbdf: number | null;
  header: VpciHeader;
  /** Seven: six BARs and the ROM (bridges use the first three). */
  bars: VpciBar[];
  msi: VpciMsi | null;
  msix: VpciMsix | null;
  /** Sorted by offset, without overlaps. */
  registers: VpciRegister[];
}

/** As deciders see it. */
export type ReadonlyVpciDevice = Immutable<VpciDevice>;

/** An MMCFG window Xen traps for the PVH hardware domain. @source facts/xen 5.9 */
export interface VpciWindow {
  /** Address of the first trapped byte, start bus included. */
  address: number;
  sizeBytes: number;
  segment: number;
  busStart: number;
}

export interface VpciState {
  /** By Xen's SBDF; a function without an entry is not emulated. */
  devices: Record<number, VpciDevice>;
  windows: VpciWindow[];
}

/** Parts of a device that change one at a time. */
export type VpciPart = 'header' | 'bar' | 'msi' | 'msix' | 'entry';

export const untouchedEntry: Readonly<VpciMsixEntry> = {
  addressLo: 0,
  addressHi: 0,
  data: 0,
  masked: true,
  updated: false,
  mapped: false,
  pirq: 0,
};

/** Applies one change in place. A change of a part the device does not have does nothing. */
export function changeVpci(device: VpciDevice, part: VpciPart, index: number, fields: RecordObject): void {
  switch (part) {
    case 'header':
      Object.assign(device.header, fields);
      return;
    case 'bar': {
      const bar = device.bars[index];
      if (bar !== undefined) Object.assign(bar, fields);
      return;
    }
    case 'msi':
      if (device.msi !== null) Object.assign(device.msi, fields);
      return;
    case 'msix':
      if (device.msix !== null) Object.assign(device.msix, fields, { entries: device.msix.entries });
      return;
    case 'entry':
      if (device.msix !== null) {
        device.msix.entries[index] = { ...untouchedEntry, ...device.msix.entries[index], ...fields };
      }
      return;
  }
}

export const vpciSlice: Slice<VpciState> = {
  initial: () => ({ devices: {}, windows: [] }),
  on: {
    'vpci.attached': (vpci, { data }) => {
      vpci.devices[data.sbdf] = readVpciDevice(data.device);
    },
    'vpci.detached': (vpci, { data }) => {
      delete vpci.devices[data.sbdf];
    },
    'vpci.changed': (vpci, { data }) => {
      const device = vpci.devices[data.sbdf];
      if (device !== undefined) changeVpci(device, data.part, data.index, data.fields);
    },
    'vpci.trapped': (vpci, { data }) => {
      vpci.windows.push({
        address: data.address,
        sizeBytes: data.sizeBytes,
        segment: data.segment,
        busStart: data.busStart,
      });
    },
    'device.unregistered': (vpci, { data }) => {
      delete vpci.devices[data.sbdf];
    },
  },
};

const object = (value: RecordValue | undefined): RecordObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RecordObject) : {};
const list = (value: RecordValue | undefined): readonly RecordValue[] =>
  Array.isArray(value) ? (value as readonly RecordValue[]) : [];
const number = (value: RecordValue | undefined): number => (typeof value === 'number' ? value : 0);
const isTrue = (value: RecordValue | undefined): boolean => value === true;
const oneOf = <T extends string>(values: readonly T[], value: RecordValue | undefined): T =>
  values.find((known) => known === value) ?? values[0]!;

/** A device from an event's record: a fresh copy, with defaults for whatever a damaged record lacks. */
export function readVpciDevice(record: RecordObject): VpciDevice {
  const header = object(record['header']);
  const bars = list(record['bars']);
  return {
    domid: number(record['domid']),
    guestSbdf: record['guestSbdf'] === null ? null : number(record['guestSbdf']),
    header: {
      guestCommand: number(header['guestCommand']),
      barsMapped: isTrue(header['barsMapped']),
      romEnabled: isTrue(header['romEnabled']),
      barCount: number(header['barCount']),
    },
    bars: Array.from({ length: 7 }, (_, i) => readBar(object(bars[i]))),
    msi: record['msi'] === null ? null : readMsi(object(record['msi'])),
    msix: record['msix'] === null ? null : readMsix(object(record['msix'])),
    registers: list(record['registers']).map((value) => readRegister(object(value))),
  };
}

const readBar = (bar: RecordObject): VpciBar => ({
  type: oneOf(vpciBarTypes, bar['type']),
  addressLo: number(bar['addressLo']),
  addressHi: number(bar['addressHi']),
  guestLo: number(bar['guestLo']),
  guestHi: number(bar['guestHi']),
  sizeLo: number(bar['sizeLo']),
  sizeHi: number(bar['sizeHi']),
  prefetchable: isTrue(bar['prefetchable']),
  enabled: isTrue(bar['enabled']),
  resizableSizes: number(bar['resizableSizes']),
});

const readMsi = (msi: RecordObject): VpciMsi => ({
  position: number(msi['position']),
  maxVectors: number(msi['maxVectors']),
  vectors: number(msi['vectors']),
  address64: isTrue(msi['address64']),
  masking: isTrue(msi['masking']),
  enabled: isTrue(msi['enabled']),
  mapped: isTrue(msi['mapped']),
  pirq: number(msi['pirq']),
  bound: isTrue(msi['bound']),
  addressLo: number(msi['addressLo']),
  addressHi: number(msi['addressHi']),
  data: number(msi['data']),
  mask: number(msi['mask']),
});

const readMsix = (msix: RecordObject): VpciMsix => ({
  position: number(msix['position']),
  entryCount: number(msix['entryCount']),
  enabled: isTrue(msix['enabled']),
  masked: isTrue(msix['masked']),
  table: number(msix['table']),
  pba: number(msix['pba']),
  entries: Object.fromEntries(
    Object.entries(object(msix['entries'])).map(([nr, value]) => [nr, readEntry(object(value))]),
  ),
});

const readEntry = (entry: RecordObject): VpciMsixEntry => ({
  addressLo: number(entry['addressLo']),
  addressHi: number(entry['addressHi']),
  data: number(entry['data']),
  masked: isTrue(entry['masked']),
  updated: isTrue(entry['updated']),
  mapped: isTrue(entry['mapped']),
  pirq: number(entry['pirq']),
});

const readRegister = (register: RecordObject): VpciRegister => ({
  offset: number(register['offset']),
  size: number(register['size']),
  read: oneOf(vpciReads, register['read']),
  write: oneOf(vpciWrites, register['write']),
  arg: number(register['arg']),
  ro: number(register['ro']),
  rw1c: number(register['rw1c']),
  rsvdp: number(register['rsvdp']),
  rsvdz: number(register['rsvdz']),
});
