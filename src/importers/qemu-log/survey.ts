import type { CfgBase } from '../../base/brand.js';
import type { Bdf } from '../../pci/sbdf.js';
import type { HostBridge, Platform } from '../../platform/platform.js';
import type { QemuRecord } from './record.js';

/** What the beginning of a log tells about the machine. */
export interface QemuLogMachine {
  /** Null where nothing tells it. */
  readonly arch: Platform['arch'] | null;
  readonly bridge: HostBridge;
  /** By BDF. */
  readonly functions: readonly SeenFunction[];
  /** Accesses have their own lines, with widths and absent functions; else only functions that answered are known. */
  readonly hasRegions: boolean;
  /** First byte of the ECAM window as the log prints it: null without one, 0 where it prints relative addresses. */
  readonly ecamBase: number | null;
  /** Time of the first record; null without timestamps. */
  readonly startUs: number | null;
}

/** A function that answered under a bus number. */
export interface SeenFunction {
  readonly bdf: Bdf;
  readonly name: string;
  /** Bytes as first read; what nobody read, or somebody wrote before, is 0. */
  readonly config: Uint8Array;
}

interface Seen {
  readonly name: string;
  /** Bytes as first read, before anything was written to them; `UNSEEN` or `WRITTEN` elsewhere. */
  bytes: Int16Array;
}

/** Configuration mechanism #1: the address of a bridge that was never seen to have a window. */
const CF8 = 0xcf8;
/** Where ARM virt has the window whose addresses it prints from 0. @source facts/q35-qemu 1.3 */
const VIRT_ECAM = 0x40_1000_0000;
const BUS_BYTES = 1 << 20;
const CONVENTIONAL = 256;
const EXTENDED = 4096;
const UNSEEN = -1;
const WRITTEN = -2;
/** Physical addresses end here. */
const ADDRESS_END = 2 ** 52;

/**
 * Collects the machine from the beginning of its log: a host bridge, and every function that answered under a bus
 * number, with the bytes it was first read with. Which bits are writable no log says.
 * @cost O(1) per record; memory grows with the functions, not with the log
 */
export class QemuLogSurveyor {
  readonly #seen = new Map<number, Seen>();
  #startUs: number | null = null;
  #hasRegions = false;
  #ecamBase: number | null = null;
  #arch: Platform['arch'] | null = null;
  #latch = 0;
  #read = { bdf: -1, offset: 0, value: 0 };

  /** Nothing that names depend on can come any more. */
  get isComplete(): boolean {
    return this.#ecamBase !== null;
  }

  take(record: QemuRecord): void {
    if (record.atUs >= 0) this.#startUs ??= record.atUs;
    switch (record.kind) {
      case 'config-read':
        this.#configRead(record);
        return;
      case 'config-write': {
        const { bytes } = this.#function(record);
        // The width is unknown: no access is wider.
        const end = Math.min(record.address + 4, EXTENDED);
        for (let at = record.address; at < end; at++) if (bytes[at] === UNSEEN) bytes[at] = WRITTEN;
        return;
      }
      case 'region-read':
        this.#regionRead(record);
        return;
      case 'region-write':
        if (record.name !== 'pci-conf-idx' || record.sizeBytes !== 4) return;
        this.#arch ??= 'x86_64';
        this.#latch = record.value;
        return;
      case 'its-message':
        this.#arch = 'arm64';
        return;
      default:
        return;
    }
  }

  machine(): QemuLogMachine {
    const ordered = [...this.#seen].sort(([a], [b]) => a - b);
    return {
      arch: this.#arch,
      bridge: this.#bridge((ordered.at(-1)?.[0] ?? 0) >> 8),
      functions: ordered.map(([bdf, { name, bytes }]) => ({
        bdf: bdf as Bdf,
        name,
        config: configOf(bytes),
      })),
      hasRegions: this.#hasRegions,
      ecamBase: this.#ecamBase,
      startUs: this.#startUs,
    };
  }

  #configRead(record: QemuRecord): void {
    const bdf = (busOf(record, this.#latch) << 8) | record.devfn;
    this.#read = { bdf, offset: record.address, value: record.value };
    if (record.name === 'gpex-root') this.#arch = 'arm64';
    const seen = this.#function(record);
    if (!this.#hasRegions) this.#narrow(seen, record);
  }

  /** Until the log shows widths: the bytes that the value proves, at least one. */
  #narrow(seen: Seen, { address, value }: QemuRecord): void {
    const needed = value > 0xffff ? 4 : value > 0xff ? 2 : 1;
    keepBytes(seen, address, value, Math.min(needed, widestAt(address)));
  }

  /** The access that a `pci_cfg_read` line belongs to: it tells the width, and where the window is. */
  #regionRead(record: QemuRecord): void {
    const isEcam = record.name === 'pcie-mmcfg-mmio';
    if (!isEcam && record.name !== 'pci-conf-data') return;
    this.#hasRegions = true;
    const { bdf, offset, value } = this.#read;
    if (bdf < 0) return;
    this.#read.bdf = -1;
    if (isEcam && this.#ecamBase === null) {
      const base = record.address - (bdf * EXTENDED + offset);
      if (base >= 0 && base < ADDRESS_END) this.#ecamBase = base;
    }
    const seen = this.#seen.get(bdf);
    if (seen !== undefined) keepBytes(seen, offset, value, record.sizeBytes);
  }

  #function(record: QemuRecord): Seen {
    const { devfn, name } = record;
    const bdf = (busOf(record, this.#latch) << 8) | devfn;
    let seen = this.#seen.get(bdf);
    if (seen === undefined) {
      seen = { name, bytes: new Int16Array(CONVENTIONAL).fill(UNSEEN) };
      this.#seen.set(bdf, seen);
    }
    // Most functions are never asked for their extended space; there may be 65,536 of them.
    if (record.address >= CONVENTIONAL && seen.bytes.length === CONVENTIONAL) {
      const wide = new Int16Array(EXTENDED).fill(UNSEEN);
      wide.set(seen.bytes);
      seen.bytes = wide;
    }
    return seen;
  }

  #bridge(lastBus: number): HostBridge {
    const base = this.#ecamBase;
    const isArm = this.#arch === 'arm64';
    const cfgBase = (base === null ? CF8 : base === 0 ? VIRT_ECAM : base) as CfgBase;
    const cfgSizeBytes = base === null ? 8 : (lastBus + 1) * BUS_BYTES;
    return {
      node: isArm ? 'pcie' : 'PCI0',
      compatible: [],
      access: base === null ? 'cf8' : isArm ? 'ecam' : 'mmcfg',
      cfgBase,
      cfgSizeBytes,
      registers: [{ name: null, base: cfgBase, sizeBytes: cfgSizeBytes }],
      busStart: 0,
      busEnd: 0xff,
      available: true,
      xenPassthrough: false,
      isPciNode: true,
      pciDomain: null,
      iommuMap: null,
      msiMap: null,
      msiParents: [],
      windows: [],
    };
  }
}

/** Bus of a record: as printed, else that of the address latch, which is right for accesses through ports. */
export const busOf = (record: QemuRecord, latch: number): number =>
  record.bus >= 0 ? record.bus : (latch >>> 16) & 0xff;

/** The widest access an offset allows: the true width is at most that. */
export const widestAt = (offset: number): number => ((offset & 3) === 0 ? 4 : (offset & 1) === 0 ? 2 : 1);

function keepBytes({ bytes }: Seen, offset: number, value: number, sizeBytes: number): void {
  for (let i = 0; i < sizeBytes; i++) {
    if (bytes[offset + i] === UNSEEN) bytes[offset + i] = (value >>> (8 * i)) & 0xff;
  }
}

/** Extended space only where somebody read it. */
function configOf(bytes: Int16Array): Uint8Array {
  const extended = bytes.some((byte, at) => byte !== UNSEEN && at >= CONVENTIONAL);
  return Uint8Array.from(bytes.subarray(0, extended ? EXTENDED : CONVENTIONAL), (byte) => Math.max(byte, 0));
}
