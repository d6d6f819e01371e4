import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
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
import { defaultSwitches } from '../../../src/policy/switches.js';
import { changeVpci, type VpciDevice } from '../../../src/state/vpci.js';
import { recordingText } from '../recording.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';
import { type BusEntry, BusLog } from '../vpci/bus.js';
import { hostMemory, xenRelease } from '../vpci/console.js';
import { findBuild, findStart, RecordedHardware } from '../vpci/hardware.js';
import { readVpciTap, type TapCall } from '../vpci/tap.js';

/** What the model of vPCI leaves to other parts of Xen, said before anything is compared. */
const declared = {
  ended: 'the recording ended inside the call: there is no result to compare',
  interrupts: "Xen's interrupt layer programs the device's own MSI or MSI-X registers; vPCI only asks it to",
  enabling: 'pci_device_add turns on ACS and ATS by itself',
  lost: 'the tap lacks a call at this place: its numbers skip',
} as const;

/**
 * A PVH hardware domain's configuration accesses. Two rows a recording: every call of `vpci_read` and `vpci_write`
 * (`tap.jsonl`; a write's check is what it does to hardware), and every write the hardware saw meanwhile
 * (`qemu-trace.log`; each must be one the model foretold). docs/models/vpci.md says how the prediction is kept apart
 * from the answer.
 */
export const xenVpciSet: ConformanceSet = {
  name: 'xen-vpci',
  folder: 'xen',
  *rows(folder) {
    for (const name of readdirSync(folder).sort()) {
      const run = join(folder, name);
      if (!existsSync(join(run, 'tap.jsonl')) && !existsSync(join(run, 'tap.jsonl.xz'))) continue;
      const calls = readVpciTap(recordingText(run, 'tap.jsonl')!, `${name}/tap.jsonl`);
      if (calls.length > 0) yield* judge(name, run, calls);
    }
  },
};

function judge(name: string, run: string, calls: readonly TapCall[]): Row[] {
  const log = `${recordingText(run, 'xen-console.log') ?? ''}\n${recordingText(run, 'xl-info.txt') ?? ''}`;
  const bus = new BusLog(recordingText(run, 'qemu-trace.log') ?? '', `${name}/qemu-trace.log`);
  const machine = new Machine(bus, calls, log);
  const tapRow = new RowBuilder('xen-vpci', `${name}/tap.jsonl`);
  for (const [index, call] of calls.entries()) {
    if (call.value === null) {
      tapRow.unmodelled(declared.ended);
      continue;
    }
    machine.enter(call, calls.slice(index + 1, index + 13));
    const input = `${call.dir} ${call.sbdf} ${hex(call.reg)} size ${call.size}`;
    const at = `seq ${call.seq}`;
    if (call.dir === 'read') tapRow.compare(at, input, hex(call.value), hex(machine.read(call)));
    else {
      machine.write(call, call.value);
      const lost = machine.lostWrites();
      tapRow.check(lost.length === 0, () => ({
        at,
        input: `${input} data ${hex(call.value!)}`,
        expected: `hardware saw ${lost.map(({ reg, seen }) => `${hex(reg)} <- ${seen === null ? 'nothing' : hex(seen)}`).join(', ')}`,
        actual: `the model wrote ${lost.map(({ reg, value }) => `${hex(reg)} <- ${hex(value)}`).join(', ')}`,
      }));
    }
  }
  const busRow = new RowBuilder('xen-vpci', `${name}/qemu-trace.log`);
  machine.judgeWrites(busRow);
  return [tapRow.row(), busRow.row()];
}

/** vPCI of one Xen over the hardware of one recording. */
class Machine {
  readonly #bus: BusLog;
  readonly #hardware: RecordedHardware;
  readonly #devices = new Map<string, VpciDevice>();
  readonly #base: Omit<BuildPorts, 'hwRead' | 'hwWrite' | 'mappedBars' | 'hasExtendedConfig'>;
  readonly #start: number;
  /** Entries before this one have been searched for devices that Xen set up while the domain ran. */
  readonly #searched = new Map<string, number>();
  /** Bus entries between which the tap lacks a call. */
  readonly #gaps: { from: number; to: number }[] = [];
  #gap: { from: number; to: number } | null = null;

  constructor(bus: BusLog, calls: readonly TapCall[], log: string) {
    this.#bus = bus;
    const release = xenRelease(log);
    const memory = hostMemory(log);
    this.#base = {
      features: vpciFeatures({ ...defaultSwitches, xen: release ?? defaultSwitches.xen }),
      arch: 'x86_64',
      isHardwareDomain: true,
      ignoresBars: false,
      map: () => 0,
      hostMemory: () => memory,
      interrupt: () => 0,
      warn: () => {},
    };
    this.#start = findStart(bus, calls);
    this.#hardware = new RecordedHardware(bus, this.#start);
    const names = new Set(calls.map((call) => call.fn).filter((fn) => fn !== null));
    for (const fn of [...names].sort()) this.#build(fn, 0, this.#start);
  }

  /** Looks for the place where Xen set the function up and does the same there. */
  #build(fn: string, from: number, to: number): void {
    const found = findBuild(this.#bus, fn, from, to, (hardware) => {
      const built = buildDevice(
        {
          ...this.#base,
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
    if (found === null) return;
    for (const entry of found.entries) this.#bus.claim(entry);
    this.#devices.set(fn, found.built);
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

  /** Announces a call, after any device set-up that Xen did since the function's last one. */
  enter({ fn, isAfterGap }: TapCall, upcoming: readonly TapCall[]): void {
    if (this.#gap !== null) this.#gap.to = this.#hardware.front;
    this.#gap = isAfterGap ? { from: this.#hardware.front, to: this.#hardware.front } : null;
    if (this.#gap !== null) this.#gaps.push(this.#gap);
    this.#hardware.enter(upcoming);
    if (fn === null) return;
    const from = Math.max(this.#searched.get(fn) ?? 0, this.#start);
    const to = this.#hardware.front + 1;
    this.#searched.set(fn, to);
    // Only a function being sized has all ones written to its first BAR by somebody else than the domain.
    const isSized = this.#bus.find(
      fn,
      from,
      to,
      (e) => e.dir === 'write' && e.reg === 0x10 && e.value === 0xffff_ffff,
    );
    if (isSized !== null) this.#build(fn, from, to);
  }

  read(call: TapCall): number {
    if (call.fn === null) return call.size === 4 ? 0xffff_ffff : (1 << (8 * call.size)) - 1;
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

  lostWrites() {
    return this.#hardware.lost;
  }

  #raw(fn: string) {
    return {
      isHardwareDomain: true,
      hwRead: (reg: number, size: 1 | 2 | 4): number => this.#hardware.read(fn, reg, size),
      hwWrite: (reg: number, _size: 1 | 2 | 4, value: number): void => {
        if (!this.#isReadOnly(fn)) this.#hardware.write(fn, reg, value, this.#isInterruptRegister(fn, reg));
      },
    };
  }

  /** Xen keeps AMD IOMMU functions for itself: no vPCI, and the domain's writes are dropped. @source facts/xen 5.3 */
  #isReadOnly(fn: string): boolean {
    if (this.#devices.has(fn)) return false;
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

  /** Registers of the MSI and MSI-X capabilities: Xen's interrupt layer programs them on its own account. */
  #isInterruptRegister(fn: string, reg: number): boolean {
    const device = this.#devices.get(fn);
    if (device === undefined) return false;
    const { msi, msix } = device;
    return (
      (msi !== null && reg >= msi.position && reg < msi.position + 24) ||
      (msix !== null && reg >= msix.position && reg < msix.position + 12)
    );
  }

  /** Every write of the tap's time: foretold, declared to be another part's, or wrong. */
  judgeWrites(row: RowBuilder): void {
    const acs = this.#extendedControls();
    for (let i = 0; i <= this.#hardware.front; i++) {
      const entry = this.#bus.entries[i]!;
      if (entry.dir !== 'write') continue;
      if (this.#bus.isClaimed(entry)) row.check(true, () => mismatch(entry));
      else if (i < this.#start)
        continue; // Firmware's and Xen's own, before there was a domain.
      else if (this.#isInterruptRegister(entry.fn, entry.reg)) row.unmodelled(declared.interrupts);
      else if (acs.has(`${entry.fn} ${entry.reg}`)) row.unmodelled(declared.enabling);
      else if (this.#gaps.some(({ from, to }) => i > from && i < to)) row.unmodelled(declared.lost);
      else row.check(false, () => mismatch(entry));
    }
  }

  /** Control words of the ACS and ATS capabilities whose headers were read over the bus. */
  #extendedControls(): Set<string> {
    const found = new Set<string>();
    for (const { fn, reg, dir, value } of this.#bus.entries) {
      const id = value & 0xffff;
      if (dir === 'read' && reg >= 0x100 && reg % 4 === 0 && (id === 0x0d || id === 0x0f))
        found.add(`${fn} ${reg + 6}`);
    }
    return found;
  }
}

const mismatch = ({ line, fn, reg, value }: BusEntry) => ({
  at: `line ${line}`,
  input: `${fn} ${hex(reg)} <- ${hex(value)}`,
  expected: 'a write the model foretold',
  actual: 'none',
});
