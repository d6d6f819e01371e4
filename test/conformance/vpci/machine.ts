import { hex } from '../../../src/base/hex.js';
import {
  type BuildPorts,
  buildDevice,
  rawRead,
  rawWrite,
  readDevice,
  writeDevice,
} from '../../../src/models/xen/vpci/device.js';
import { vpciFeatures } from '../../../src/models/xen/vpci/features.js';
import { framesOf } from '../../../src/models/xen/vpci/frames.js';
import type { MappedBar, VpciPorts } from '../../../src/models/xen/vpci/ports.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { statedXen } from '../../../src/policy/releases.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { changeVpci, type VpciDevice } from '../../../src/state/vpci.js';
import type { RowBuilder } from '../row.js';
import type { BusEntry, BusLog } from './bus.js';
import { hostMemory, removedFunctions, xenRelease } from './console.js';
import { type FoundBuild, findBuilds, findStart, type LostWrite, RecordedHardware } from './hardware.js';
import type { TapCall } from './tap.js';

/** What the model of vPCI leaves to other parts of Xen, said before anything is compared. */
export const declared = {
  ended: 'the recording ended inside the call: there is no result to compare',
  interrupts: "Xen's interrupt layer programs the device's own MSI or MSI-X registers; vPCI only asks it to",
  adding: 'pci_device_add turns on ACS and ATS and sizes the BARs of virtual functions by itself',
  lost: 'the tap lacks a call at this place: its numbers skip',
} as const;

const allOnes = (sizeBytes: number): number => (sizeBytes === 4 ? 0xffff_ffff : (1 << (8 * sizeBytes)) - 1);

/** vPCI of one Xen over the hardware of one recording. */
export class Machine {
  readonly #bus: BusLog;
  readonly #hardware: RecordedHardware;
  readonly #devices = new Map<string, VpciDevice>();
  readonly #base: Omit<BuildPorts, 'hwRead' | 'hwWrite' | 'mappedBars' | 'hasExtendedConfig'>;
  readonly #start: number;
  /** Set-ups that the bus log shows while the domain runs, by function, in order. */
  readonly #later = new Map<string, FoundBuild<VpciDevice>[]>();
  /** Functions Xen's log says were removed at some time. */
  readonly #removed: ReadonlySet<string>;
  /** Registers Xen writes on its own account when a device is added, by function. */
  readonly #ownRegisters = new Map<string, ReadonlySet<number>>();
  /** Bus entries between which the tap lacks a call. */
  readonly #gaps: { from: number; to: number }[] = [];
  #gap: { from: number; to: number } | null = null;

  /** @param log What Xen printed, and `xl info`. */
  constructor(bus: BusLog, calls: readonly TapCall[], log: string) {
    this.#bus = bus;
    const release = statedXen(xenRelease(log));
    const memory = hostMemory(log);
    this.#base = {
      features: vpciFeatures({
        switches: { ...defaultSwitches, xen: release ?? defaultSwitches.xen },
        behaviour: currentBehaviour,
      }),
      arch: 'x86_64',
      isHardwareDomain: true,
      ignoresBars: false,
      defersMapping: true,
      map: () => 0,
      hostMemory: () => memory,
      interrupt: () => 0,
      warn: () => {},
    };
    this.#removed = removedFunctions(log);
    this.#start = findStart(bus, calls);
    this.#hardware = new RecordedHardware(bus, this.#start);
    const names = new Set(calls.map((call) => call.fn).filter((fn) => fn !== null));
    for (const fn of [...names].sort()) {
      this.#ownRegisters.set(fn, ownRegisters(bus.of(fn)));
      const first = this.#builds(fn, false).findLast(({ last }) => last < this.#start);
      if (first !== undefined) this.#adopt(fn, first);
      this.#later.set(
        fn,
        this.#builds(fn, true).filter((build) => build.first >= this.#start),
      );
    }
  }

  /** Every place where Xen set the function up: the model does the same there, access by access. */
  #builds(fn: string, defersMapping: boolean): FoundBuild<VpciDevice>[] {
    return findBuilds(this.#bus, fn, (hardware) => {
      const built = buildDevice(
        {
          ...this.#base,
          defersMapping,
          hasExtendedConfig: this.#hasExtended(fn),
          mappedBars: () => this.#mappedBars(fn),
          hwRead: (reg, size) => hardware.read(reg, size),
          hwWrite: (reg, _size, value) => hardware.write(reg, value),
        },
        0,
        null,
      );
      return typeof built === 'number' ? null : built;
    });
  }

  #adopt(fn: string, { built, entries }: FoundBuild<VpciDevice>): void {
    for (const entry of entries) this.#bus.claim(entry);
    if (!this.#isReadOnly(fn)) this.#devices.set(fn, built);
  }

  #hasExtended(fn: string): boolean {
    return this.#bus.of(fn).some(({ reg }) => reg >= 0x100);
  }

  *#mappedBars(fn: string): Iterable<MappedBar> {
    for (const [other, { bars }] of this.#devices) {
      for (const bar of bars) {
        const frames = bar.enabled ? framesOf(bar.guestLo, bar.guestHi, bar.sizeLo, bar.sizeHi) : null;
        if (frames !== null) yield { ...frames, isSameFunction: other === fn, isRom: bar.type === 'rom' };
      }
    }
  }

  /** Announces a call, after what Xen did to functions since the one before. */
  enter(call: TapCall, upcoming: readonly TapCall[]): void {
    const { front } = this.#hardware;
    if (this.#gap !== null) this.#gap.to = front;
    this.#gap = call.isAfterGap ? { from: front, to: front } : null;
    if (this.#gap !== null) this.#gaps.push(this.#gap);
    for (const gone of call.detached) this.#devices.delete(gone);
    this.#hardware.enter(upcoming);
    if (call.fn === null) return;
    this.#setUpAgain(call.fn, call);
    if (this.#isProbeAfterRemoval(call.fn, call)) this.#devices.delete(call.fn);
  }

  /**
   * A tap without hypercalls does not say when a function was removed. It was gone when the domain last asked for its
   * vendor before Xen set it up again.
   */
  #isProbeAfterRemoval(fn: string, { dir, reg, size }: TapCall): boolean {
    const next = this.#later.get(fn)?.[0];
    if (next === undefined || !this.#removed.has(fn) || dir !== 'read' || reg !== 0 || size !== 4)
      return false;
    const isProbe = (entry: BusEntry): boolean =>
      entry.dir === 'read' && entry.reg === 0 && entry.value > 0xffff;
    const here = this.#bus.find(fn, this.#hardware.front + 1, next.first, isProbe);
    return here !== null && this.#bus.find(fn, here.index + 1, next.first, isProbe) === null;
  }

  /** Takes a set-up over that stands before the place of this call on the bus. */
  #setUpAgain(fn: string, { dir, reg, size, value }: TapCall): void {
    const later = this.#later.get(fn) ?? [];
    for (let next = later[0]; next !== undefined; next = later[0]) {
      const { first, last, entries } = next;
      const own = this.#bus.find(
        fn,
        this.#hardware.front + 1,
        last + RecordedHardware.reach,
        (entry) =>
          entry.dir === dir &&
          entry.reg === reg &&
          (dir === 'read' ? entry.value <= allOnes(size) : entry.value === value) &&
          !entries.includes(entry),
      );
      // What a function without vPCI is asked leaves an entry: with none, the call came after the set-up.
      const leavesNone = own === null && !this.#devices.has(fn) && this.#hardware.isPresent(fn);
      const isPast = this.#hardware.front > last || leavesNone || (own !== null && own.index > last);
      if (!isPast || first > this.#hardware.front + RecordedHardware.reach) return;
      later.shift();
      this.#adopt(fn, next);
      this.#hardware.moveTo(fn, last);
    }
  }

  read(call: TapCall): number {
    if (call.fn === null) return allOnes(call.size);
    const ports = this.#ports(call.fn);
    return ports === null
      ? rawRead(this.#raw(call.fn), call.reg, call.size)
      : readDevice(ports, call.reg, call.size);
  }

  write(call: TapCall, value: number): void {
    if (call.fn === null) return;
    const ports = this.#ports(call.fn);
    if (ports === null) rawWrite(this.#raw(call.fn), call.reg, call.size, value);
    else writeDevice(ports, call.reg, call.size, value);
  }

  /** Writes of the present call that the bus does not confirm. */
  get lostWrites(): readonly LostWrite[] {
    return this.#hardware.lost;
  }

  #raw(fn: string) {
    return {
      isHardwareDomain: true,
      hwRead: (reg: number, size: 1 | 2 | 4): number => this.#hardware.read(fn, reg, size),
      hwWrite: (reg: number, _size: 1 | 2 | 4, value: number): void => {
        if (!this.#isReadOnly(fn)) this.#hardware.write(fn, reg, value, this.#ownerOf(fn, reg) !== null);
      },
    };
  }

  /**
   * Xen keeps AMD IOMMU functions for itself: whether it sets vPCI up for them or not, the domain reads hardware and its
   * writes are dropped. @source facts/xen 5.3
   */
  #isReadOnly(fn: string): boolean {
    return this.#bus.of(fn).some(({ reg, dir, value }) => dir === 'read' && reg === 0x0a && value === 0x0806);
  }

  #ports(fn: string): VpciPorts | null {
    const device = this.#devices.get(fn);
    if (device === undefined) return null;
    return {
      ...this.#base,
      ...this.#raw(fn),
      hasExtendedConfig: this.#hasExtended(fn),
      mappedBars: () => this.#mappedBars(fn),
      device: () => device,
      change: (part, index, fields) => changeVpci(device, part, index, fields),
    };
  }

  /** Which other part of Xen writes a register on its own account; null when none does. */
  #ownerOf(fn: string, reg: number): 'interrupts' | 'adding' | null {
    if (this.#ownRegisters.get(fn)?.has(reg) === true) return 'adding';
    const { msi = null, msix = null } = this.#devices.get(fn) ?? {};
    const inside = (start: number, length: number): boolean => reg >= start && reg < start + length;
    if (msix !== null && inside(msix.position, 12)) return 'interrupts';
    if (msi === null) return null;
    const length = msi.masking ? (msi.address64 ? 24 : 20) : msi.address64 ? 14 : 10;
    return inside(msi.position, length) ? 'interrupts' : null;
  }

  /** Every write of the tap's time: foretold, declared to be another part's, or wrong. */
  judgeWrites(row: RowBuilder): void {
    const { front } = this.#hardware;
    for (const builds of this.#later.values())
      for (const { last, entries } of builds)
        if (last <= front) for (const entry of entries) this.#bus.claim(entry);
    for (let i = 0; i <= front; i++) {
      const entry = this.#bus.entries[i]!;
      if (entry.dir !== 'write') continue;
      if (this.#bus.isClaimed(entry)) {
        row.check(true, () => mismatch(entry));
        continue;
      }
      // Firmware's and Xen's own, before there was a domain.
      if (i < this.#start) continue;
      const owner = this.#ownerOf(entry.fn, entry.reg);
      if (owner !== null) row.unmodelled(declared[owner]);
      else if (this.#gaps.some(({ from, to }) => i > from && i < to)) row.unmodelled(declared.lost);
      else row.check(false, () => mismatch(entry));
    }
  }
}

const capability = { ACS: 0x0d, ATS: 0x0f, SRIOV: 0x10 } as const;

/**
 * Registers that `pci_device_add` writes itself: control words of ACS and ATS, BARs of virtual functions. The
 * capabilities are found in what was read over the bus. @source facts/xen 2.4 steps 5 and 8
 */
function ownRegisters(entries: readonly BusEntry[]): ReadonlySet<number> {
  const headers = new Map<number, number>();
  for (const { dir, reg, value } of entries) {
    if (dir === 'read' && reg >= 0x100 && reg % 4 === 0)
      headers.set(reg, Math.max(value, headers.get(reg) ?? 0));
  }
  const found = new Set<number>();
  for (let at = 0x100, step = 0; at >= 0x100 && step < 480; step++) {
    const header = headers.get(at);
    if (header === undefined) break;
    const id = header & 0xffff;
    if (id === capability.ACS || id === capability.ATS) found.add(at + 6);
    if (id === capability.SRIOV) for (let bar = 0; bar < 6; bar++) found.add(at + 0x24 + 4 * bar);
    at = (header >>> 20) & 0xffc;
  }
  return found;
}

const mismatch = ({ line, fn, reg, value }: BusEntry) => ({
  at: `line ${line}`,
  input: `${fn} ${hex(reg)} <- ${hex(value)}`,
  expected: 'a write the model foretold',
  actual: 'none',
});
