import type { CfgBase } from '../../base/brand.js';
import { functionId } from '../../pci/function-id.js';
import type { Bdf } from '../../pci/sbdf.js';
import type { HostBridge, Platform, PlatformFunction } from '../../platform/platform.js';
import type { QemuRecord } from './record.js';

/** What the log as a whole tells about the machine; the first of two readings finds it. */
export interface QemuLogSurvey {
  readonly platform: Platform;
  /** Accesses have their own lines, with widths and absent functions; else only functions that answered are known. */
  readonly hasRegions: boolean;
  /** First byte of the ECAM window as the log prints it: null without one, 0 where it prints relative addresses. */
  readonly ecamBase: number | null;
  /** Time of the first record; 0 without timestamps. */
  readonly startUs: number;
}

interface Seen {
  readonly name: string;
  /** Bytes as first read, before anything was written to them; `UNSEEN` or `WRITTEN` elsewhere. */
  readonly bytes: Int16Array;
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

/**
 * Collects the machine from its log: a host bridge, and every function that answered under a bus number, with the
 * bytes it was first read with. What nobody read is 0; which bits are writable no log says.
 * @cost O(1) per record; memory grows with the functions, not with the log
 */
export class QemuLogSurveyor {
  readonly #seen = new Map<number, Seen>();
  #startUs = -1;
  #hasRegions = false;
  #ecamBase: number | null = null;
  #arm = false;
  #lastBus = 0;
  #latch = 0;
  #read = { bdf: -1, offset: 0, value: 0 };

  take(record: QemuRecord): void {
    if (this.#startUs < 0 && record.atUs >= 0) this.#startUs = record.atUs;
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
        if (record.name === 'pci-conf-idx' && record.sizeBytes === 4) this.#latch = record.value;
        return;
      case 'its-message':
        this.#arm = true;
        return;
      default:
        return;
    }
  }

  finish(): QemuLogSurvey {
    return {
      platform: this.#platform(),
      hasRegions: this.#hasRegions,
      ecamBase: this.#ecamBase,
      startUs: Math.max(this.#startUs, 0),
    };
  }

  #configRead(record: QemuRecord): void {
    const bdf = (busOf(record, this.#latch) << 8) | record.devfn;
    this.#read = { bdf, offset: record.address, value: record.value };
    if (record.name === 'gpex-root') this.#arm = true;
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
    if (isEcam) this.#ecamBase ??= record.address - (bdf * EXTENDED + offset);
    const seen = this.#seen.get(bdf);
    if (seen !== undefined) keepBytes(seen, offset, value, record.sizeBytes);
  }

  #function(record: QemuRecord): Seen {
    const { devfn, name } = record;
    const number = busOf(record, this.#latch);
    const bdf = (number << 8) | devfn;
    let seen = this.#seen.get(bdf);
    if (seen === undefined) {
      seen = { name, bytes: new Int16Array(EXTENDED).fill(UNSEEN) };
      this.#seen.set(bdf, seen);
      this.#lastBus = Math.max(this.#lastBus, number);
    }
    return seen;
  }

  #platform(): Platform {
    const ordered = [...this.#seen].sort(([a], [b]) => a - b);
    return {
      name: 'qemu',
      arch: this.#arm ? 'arm64' : 'x86_64',
      bridges: [this.#bridge()],
      functions: ordered.map(([bdf, seen]) => describe(bdf as Bdf, seen)),
      smmus: [],
      msiControllers: [],
    };
  }

  #bridge(): HostBridge {
    const base = this.#ecamBase;
    const cfgBase = (base === null ? CF8 : base === 0 ? VIRT_ECAM : base) as CfgBase;
    const cfgSizeBytes = base === null ? 8 : (this.#lastBus + 1) * BUS_BYTES;
    return {
      node: this.#arm ? 'pcie' : 'PCI0',
      compatible: [],
      access: base === null ? 'cf8' : this.#arm ? 'ecam' : 'mmcfg',
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

function describe(bdf: Bdf, { name, bytes }: Seen): PlatformFunction {
  const extended = bytes.some((byte, at) => byte !== UNSEEN && at >= CONVENTIONAL);
  const config = Uint8Array.from(bytes.subarray(0, extended ? EXTENDED : CONVENTIONAL), (byte) =>
    Math.max(byte, 0),
  );
  return { function: functionId(0, bdf), name, config, writeMask: null, clearMask: null, present: true };
}
