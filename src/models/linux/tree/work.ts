import type { PhysicalAddress } from '../../../base/brand.js';
import type { DataOf } from '../../../events/catalogue.js';
import { capability } from '../../../pci/capabilities.js';
import { findCapability, findExtendedCapability } from '../../../pci/capability-walk.js';
import { type FunctionId, functionId } from '../../../pci/function-id.js';
import { bdf, busOf, type Dom0Sbdf, devfnOf, fnOf, sbdf, segmentOf } from '../../../pci/sbdf.js';
import type { PlatformFunction } from '../../../platform/platform.js';
import { has, type LinuxChange } from '../../../policy/has.js';
import type { Context } from '../../context.js';
import { allOnes, describeFunction, readConfig } from '../../hardware/config-space.js';
import { by, linuxDevice, linuxLog, linuxRead, linuxWrite } from '../devices.js';
import {
  busName,
  deviceName,
  findBus,
  newResources,
  parentWindow,
  slot,
  type Tree,
  type TreeBus,
  type TreeDevice,
} from './device.js';
import { hostWindows } from './host-windows.js';
import { claim, describe, type Resource, setRange, sizeOf } from './resource.js';

/**
 * Linux' buses and resources in the course of one input: built from what the state holds, changed as Linux goes along,
 * and written down as events, each when it is decided. Writes to configuration space and messages leave in order.
 */
export class Work {
  readonly context: Context;
  readonly tree: Tree = { roots: [] };
  /** Where firmware had put what could not be claimed, by device and index; known while x86 boots. */
  readonly firmware: Record<string, number> = {};

  constructor(context: Context) {
    this.context = context;
    const { linuxTree } = context.state;
    for (const one of linuxTree.buses) if (one.bridge === null) this.#addBus(null, null, one);
    // A bridge is found before the bus behind it is made, and before anything on that bus.
    for (const name of linuxTree.order) {
      this.#load(name as Dom0Sbdf);
      const behind = linuxTree.buses.find((one) => one.bridge === name);
      const bridge = this.device(name);
      if (behind !== undefined && bridge !== null) this.#addBus(bridge.bus, bridge, behind);
    }
    // The order in which buses were made is that of the lists of children.
    const made = (bus: TreeBus): number =>
      linuxTree.buses.findIndex((one) => one.segment === bus.segment && one.number === bus.number);
    for (const root of this.tree.roots) sortChildren(root, made);
  }

  /** Whether the release has a change. */
  has(change: LinuxChange): boolean {
    return has(this.context.env, change);
  }

  /**
   * The generic driver of ECAM bridges makes Linux number all buses anew, whatever stands in their bridges, unless the
   * tree says to probe only. @source drivers/pci/controller/pci-host-common.c of v6.1
   */
  get reassignsBuses(): boolean {
    const { policies, platform } = this.context.env;
    if (this.isX86 || policies['linux-resources'] !== 'assign') return false;
    return this.tree.roots.some(({ host }) => {
      const access = platform.bridges[host]?.access;
      return access === 'ecam' || access === 'cam';
    });
  }

  /** Firmware's places are claimed before Linux gives out any. */
  get preserves(): boolean {
    const asked = this.context.env.policies['linux-resources'];
    return (
      !this.isX86 && (asked === 'preserve' || (asked === 'probe-only' && this.has('probe-only-preserves')))
    );
  }

  get isX86(): boolean {
    return this.context.env.platform.arch === 'x86_64';
  }

  bus(segment: number, number: number): TreeBus | null {
    return findBus(this.tree, segment, number);
  }

  device(name: number): TreeDevice | null {
    const bus = this.bus(segmentOf(name), busOf(name));
    return bus?.devices.find((one) => one.devfn === devfnOf(name)) ?? null;
  }

  read(device: TreeDevice, reg: number, sizeBytes: number): number {
    return linuxRead(this.context, device.sbdf, reg, sizeBytes);
  }

  write(device: TreeDevice, reg: number, sizeBytes: number, value: number): void {
    linuxWrite(this.context, device.sbdf, reg, sizeBytes, value);
  }

  log(device: TreeDevice, text: string): void {
    linuxLog(
      this.context,
      `${linuxDevice(this.context, device.sbdf)?.driver ?? 'pci'} ${deviceName(device)}: ${text}`,
    );
  }

  logBus(bus: TreeBus, text: string): void {
    linuxLog(this.context, `pci_bus ${busName(bus)}: ${text}`);
  }

  isEnabled(device: TreeDevice): boolean {
    return linuxDevice(this.context, device.sbdf)?.enabled === true;
  }

  /** Who answers on a bus: the function whose bridges pass the access on. */
  functionAt(bus: TreeBus, devfn: number): FunctionId | null {
    const { platform } = this.context.env;
    const plain = functionId(bus.host, bdf(bus.number, devfn >>> 3, fnOf(devfn)));
    const fixed = describeFunction(platform, plain);
    if (fixed !== undefined && fixed.behind === undefined) return plain;
    const { self } = bus;
    if (self === null || !this.#passesOn(bus)) return null;
    const { present } = this.context.state.hw;
    const there = behind(platform.functions, self.fn).find(
      (one) => devfnOf(one.function) === devfn && present[one.function] !== undefined,
    );
    return there?.function ?? null;
  }

  /** Every bridge on the way has numbers that let an access to the bus through. */
  #passesOn(bus: TreeBus): boolean {
    for (let at = bus; at.self !== null && at.parent !== null; at = at.parent) {
      const secondary = this.read(at.self, 0x19, 1);
      const subordinate = this.read(at.self, 0x1a, 1);
      if (at === bus ? secondary !== bus.number : secondary > bus.number || subordinate < bus.number)
        return false;
    }
    return true;
  }

  /** A register of whoever answers, before Linux has a device for it. */
  readAt(fn: FunctionId | null, reg: number, sizeBytes: number): number {
    return fn === null ? allOnes(sizeBytes) : readConfig(this.context, fn, reg, sizeBytes);
  }

  addBus(
    parent: TreeBus | null,
    self: TreeDevice | null,
    segment: number,
    number: number,
    host: number,
  ): TreeBus {
    const bus = this.#addBus(parent, self, {
      segment,
      number,
      end: parent === null ? (this.context.env.platform.bridges[host]?.busEnd ?? 255) : 255,
      host,
      control: 0,
    });
    this.keepBus(bus);
    return bus;
  }

  keepBus(bus: TreeBus): void {
    const { segment, number, end, host, control, self } = bus;
    const held = this.context.state.linuxTree.buses.find(
      (one) => one.segment === segment && one.number === number,
    );
    const bridge = self === null ? null : self.sbdf;
    if (held !== undefined && held.end === end && held.control === control && held.bridge === bridge) return;
    const data = { segment, bus: number, last: end, host, bridge, control };
    this.context.emit(by(this.context), 'linux.bus-changed', data);
  }

  /** Writes down what became of a resource; nothing when the state says the same. */
  keep(device: TreeDevice, index: number): void {
    const one = device.resources[index]!;
    const held = this.context.state.linuxTree.resources[device.sbdf]?.[index] ?? fresh;
    const placed = one.parent !== null;
    const sizeBytes = sizeOf(one);
    if (
      held.start === one.start &&
      held.sizeBytes === sizeBytes &&
      held.flags === one.flags &&
      held.placed === placed
    )
      return;
    const data: DataOf<'linux.resource-changed'> = {
      sbdf: device.sbdf,
      index,
      start: one.start as PhysicalAddress,
      sizeBytes: Math.max(sizeBytes, 0) as PhysicalAddress,
      flags: one.flags,
      placed,
    };
    this.context.emit(by(this.context), 'linux.resource-changed', data);
  }

  /** At the end of an input: everything that was not written down on the way. */
  settle(): void {
    const all = (bus: TreeBus): void => {
      for (const device of bus.devices) {
        for (let index = 0; index < slot.count; index++) this.keep(device, index);
        if (device.subordinate !== null) all(device.subordinate);
      }
    };
    for (const root of this.tree.roots) all(root);
  }

  #addBus(
    parent: TreeBus | null,
    self: TreeDevice | null,
    { segment, number, end, host, control }: Pick<TreeBus, 'segment' | 'number' | 'end' | 'host' | 'control'>,
  ): TreeBus {
    const windows = parent === null ? hostWindows(this.context, this.tree, host) : [];
    const bus: TreeBus = {
      segment,
      number,
      end,
      host,
      self,
      parent,
      devices: [],
      children: [],
      windows,
      control,
    };
    if (parent === null) this.tree.roots.push(bus);
    else parent.children.push(bus);
    if (self !== null) {
      self.subordinate = bus;
      const name = `PCI Bus ${busName(bus)}`;
      for (let i = slot.io; i <= slot.prefetch; i++) self.resources[i]!.name = name;
    }
    return bus;
  }

  #load(name: Dom0Sbdf): void {
    const { linuxTree, linux } = this.context.state;
    const bus = this.bus(segmentOf(name), busOf(name));
    const known = linux.devices[name];
    if (bus === null || known === undefined) return;
    const device = this.describeDevice(bus, name, known.function as FunctionId);
    const learned = linuxTree.bridges[name];
    if (learned !== undefined) {
      device.hasIo = learned.io;
      device.prefetchBits = learned.prefetchBits;
      device.hotplug = learned.hotplug;
    }
    const lastBus = linuxTree.vfBuses[name];
    if (lastBus !== undefined) device.sriov = this.#sriov(device, lastBus);
    bus.devices.push(device);
    for (const [index, held] of Object.entries(linuxTree.resources[name] ?? {})) {
      const one = device.resources[Number(index)]!;
      one.flags = held.flags;
      setRange(one, held.start, held.sizeBytes);
      const parent = held.placed ? parentWindow(bus, one) : null;
      if (parent !== null) claim(parent, one);
    }
  }

  #sriov(device: TreeDevice, lastBus: number): TreeDevice['sriov'] {
    const at = this.extendedCapability(device, 0x10);
    if (at === null) return null;
    const total = this.read(device, at + 0x0e, 2);
    const held = this.context.state.linuxTree.resources[device.sbdf] ?? {};
    const sizes = [0, 1, 2, 3, 4, 5].map((i) => (held[slot.vf + i]?.sizeBytes ?? 0) / Math.max(total, 1));
    return { at, total, lastBus, sizes };
  }

  /** A device from what its registers say; nothing is written. */
  describeDevice(bus: TreeBus, name: Dom0Sbdf, fn: FunctionId): TreeDevice {
    const read = (reg: number, sizeBytes: number): number => readConfig(this.context, fn, reg, sizeBytes);
    const header = read(0x0e, 1);
    const headerType = header & 0x7f;
    const classCode = read(0x0a, 2);
    const express = findCapability(read, capability.express);
    // An endpoint's header with a bridge's class: Linux takes the class away and leaves the device alone.
    const unfit = headerType === 0 && classCode === 0x0604;
    return {
      sbdf: name,
      fn,
      bus,
      devfn: devfnOf(name),
      classCode: unfit ? 0 : classCode,
      progIf: read(0x09, 1),
      headerType,
      multifunction: (header & 0x80) !== 0,
      express: express === 0 ? null : { at: express, type: (read(express + 2, 2) >>> 4) & 0xf },
      resources: newResources(`${deviceNameOf(name)}`),
      subordinate: null,
      hasIo: false,
      prefetchBits: 0,
      hotplug: false,
      transparent: headerType === 1 && read(0x09, 1) === 1,
      sriov: null,
    };
  }

  /** Offset of an extended capability; null: none. */
  extendedCapability(device: TreeDevice, id: number): number | null {
    if (device.express === null) return null;
    const at = findExtendedCapability((reg, size) => this.read(device, reg, size), id);
    return at === 0 ? null : at;
  }

  firmwareAddress(device: TreeDevice, index: number): number {
    return this.firmware[`${device.sbdf}/${index}`] ?? 0;
  }

  nameAt(bus: TreeBus, devfn: number): Dom0Sbdf {
    return sbdf<Dom0Sbdf>(bus.segment, bdf(bus.number, devfn >>> 3, fnOf(devfn)));
  }

  text(one: Resource): string {
    return describe(one);
  }
}

const fresh = { start: 0, sizeBytes: 1, flags: 0, placed: false } as const;
const deviceNameOf = (name: Dom0Sbdf): string => deviceName({ sbdf: name } as TreeDevice);

function sortChildren(bus: TreeBus, made: (bus: TreeBus) => number): void {
  bus.children.sort((a, b) => made(a) - made(b));
  for (const child of bus.children) sortChildren(child, made);
}

const behindTables = new WeakMap<
  readonly PlatformFunction[],
  Readonly<Record<number, readonly PlatformFunction[]>>
>();

/** Functions that sit behind a bridge. */
function behind(functions: readonly PlatformFunction[], bridge: FunctionId): readonly PlatformFunction[] {
  let table = behindTables.get(functions);
  if (table === undefined) {
    const lists: Record<number, PlatformFunction[]> = {};
    for (const one of functions) {
      if (one.behind === undefined) continue;
      lists[one.behind] ??= [];
      lists[one.behind]!.push(one);
    }
    table = lists;
    behindTables.set(functions, table);
  }
  return table[bridge] ?? [];
}
