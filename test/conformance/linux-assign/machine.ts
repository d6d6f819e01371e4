import type { CfgBase } from '../../../src/base/brand.js';
import { QemuLogParser } from '../../../src/importers/qemu-log/parser.js';
import { createMachine } from '../../../src/models/qemu/create.js';
import {
  bridgeAbove,
  busNumber,
  imageOf,
  type QemuMachine,
  rootBusOf,
} from '../../../src/models/qemu/machine.js';
import { get32 } from '../../../src/models/qemu/registers.js';
import type { FunctionState } from '../../../src/models/qemu/state.js';
import { type FunctionId, functionId } from '../../../src/pci/function-id.js';
import { bdf } from '../../../src/pci/sbdf.js';
import { plainBridge } from '../../../src/platform/plain-bridge.js';
import { emptyPlatform, type Platform, type PlatformFunction } from '../../../src/platform/platform.js';
import { Player } from '../qemu/player.js';
import { type RecordedBoot, traceChunks } from '../qemu/recorded-boot.js';
import { describeMachine, functionBytes } from '../qemu/topology.js';
import { RowBuilder } from '../row.js';
import type { RootBus } from './console.js';

/** A write of the guest's kernel to a header. */
export interface HeaderWrite {
  readonly bdf: number;
  readonly reg: number;
  readonly value: number;
}

/** The machine as firmware left it, and what Linux then wrote to headers. */
export interface Handover {
  readonly platform: Platform;
  /** What was there from the start, by path of devfns; what may come, by path and type. */
  readonly functions: Readonly<Record<string, FunctionId>>;
  readonly machine: QemuMachine;
  readonly writes: readonly HeaderWrite[];
}

/** Registers an enumeration writes: COMMAND, STATUS, BARs, windows, bus numbers, ROM, BRIDGE_CONTROL. */
export const isHeaderRegister = (reg: number): boolean =>
  reg === 0x04 || reg === 0x06 || (reg >= 0x10 && reg < 0x3c) || reg === 0x3e;

/**
 * Plays a recorded boot up to the moment Linux begins its scan: the first thing it writes is bit 10 of the first
 * function's COMMAND, to see whether it can (no firmware does). @source docs/models/linux.md
 */
export async function handover(boot: RecordedBoot, roots: readonly RootBus[]): Promise<Handover> {
  const machine = createMachine(describeMachine(boot.cold, boot.ramMib, boot.hotplugged.map(functionBytes)));
  const start = await startLine(boot);
  const player = new Player(machine, new RowBuilder('linux-assign', boot.name));
  const writes: HeaderWrite[] = [];
  const parser = new QemuLogParser((record) => {
    if (record.line < start) player.play(record);
    else if (record.kind === 'config-write' && isHeaderRegister(record.address)) {
      writes.push({ bdf: record.bus * 256 + record.devfn, reg: record.address, value: record.value });
    }
  });
  for await (const chunk of traceChunks(boot.tracePath)) parser.push(chunk);
  parser.finish();
  return { ...platformOf(boot, machine, roots), machine, writes };
}

async function startLine(boot: RecordedBoot): Promise<number> {
  let [last, found, cause] = [0, Number.POSITIVE_INFINITY, 0];
  const parser = new QemuLogParser((record) => {
    // The guest's access is printed first, then the write it causes.
    if (record.kind === 'region-write') cause = record.line;
    if (record.kind !== 'config-write' || record.address !== 0x04) return;
    // The bit goes on, and off again: two writes in a row to the same function.
    if (record.bus === 0 && record.devfn === 0 && found === Number.POSITIVE_INFINITY) {
      if ((record.value & 0x400) !== 0 && (last & 0x400) === 0) found = cause;
      last = record.value;
    }
  });
  for await (const chunk of traceChunks(boot.tracePath)) parser.push(chunk);
  parser.finish();
  return found;
}

const slotText = (devfn: number): string => `${(devfn >>> 3).toString(16).padStart(2, '0')}.${devfn & 7}`;

export function pathOfFunction(machine: QemuMachine, fn: FunctionState): string {
  const parts = [slotText(fn.devfn)];
  for (let at = bridgeAbove(machine, fn); at !== null; at = bridgeAbove(machine, at))
    parts.unshift(slotText(at.devfn));
  const root = busNumber(machine, rootBusOf(machine, fn.bus));
  return root === 0 ? parts.join('/') : `${root}:${parts.join('/')}`;
}

function platformOf(
  boot: RecordedBoot,
  machine: QemuMachine,
  roots: readonly RootBus[],
): Pick<Handover, 'platform' | 'functions'> {
  const ids: Record<string, FunctionId> = {};
  const described: PlatformFunction[] = [];
  const numbers: Record<string, number> = {};
  const hosts = roots.map(({ busStart }) => busStart);
  const add = (
    path: string,
    host: number,
    devfn: number,
    rest: Omit<PlatformFunction, 'function' | 'name' | 'behind'>,
  ): void => {
    const slash = path.lastIndexOf('/');
    const above = slash < 0 ? null : path.slice(0, slash);
    // An id of its own for each bus; the numbers are Linux' to give.
    if (above !== null) numbers[above] ??= 255 - Object.keys(numbers).length;
    const bus = above === null ? (hosts[host] ?? 0) : numbers[above]!;
    const fn = functionId(host, bdf(bus, devfn >>> 3, devfn & 7));
    ids[path] = fn;
    const behind = above === null ? {} : { behind: ids[above]! };
    described.push({ function: fn, name: path, ...rest, ...behind });
  };
  for (const fn of machine.state.functions) {
    if (fn === null || fn.physical !== null) continue;
    const image = imageOf(machine, fn);
    const config = new Uint8Array(image.config.length);
    const view = new DataView(config.buffer);
    for (let at = 0; at < config.length; at += 4) view.setUint32(at, get32(machine, fn, at), true);
    const host = hosts.indexOf(busNumber(machine, rootBusOf(machine, fn.bus)));
    add(pathOfFunction(machine, fn), Math.max(host, 0), fn.devfn, {
      config,
      writeMask: image.writeMask,
      clearMask: image.clearMask,
      present: true,
    });
  }
  const cold = new Set(boot.cold.devices.map(({ path, qemu_name }) => pluggedKey(path, qemu_name)));
  for (const device of boot.hotplugged) {
    const key = pluggedKey(device.path, device.qemu_name);
    const slash = device.path.lastIndexOf('/');
    const above = slash < 0 ? null : (ids[device.path.slice(0, slash)] ?? null);
    if (cold.has(key) || above === null) continue;
    const bytes = functionBytes(device);
    const bus = 255 - Object.keys(numbers).length;
    numbers[key] = bus;
    const fn = functionId(0, bdf(bus, device.devfn >>> 3, device.devfn & 7));
    ids[key] = fn;
    ids[device.path] ??= fn;
    described.push({
      function: fn,
      name: key,
      config: bytes.config,
      writeMask: bytes.writeMask,
      clearMask: bytes.clearMask,
      present: false,
      behind: above,
    });
  }
  const isVirt = machine.board.kind === 'virt';
  const bridges = roots.map((root, index) =>
    plainBridge({
      node: `/pcie@${index}`,
      compatible: isVirt ? ['pci-host-ecam-generic'] : [],
      access: isVirt ? 'ecam' : 'cf8',
      cfgBase: (0xb000_0000 + index * 0x1000_0000) as CfgBase,
      busStart: root.busStart,
      busEnd: root.busEnd,
      windows: root.windows,
    }),
  );
  const platform: Platform = {
    ...emptyPlatform,
    name: boot.name,
    arch: isVirt ? 'arm64' : 'x86_64',
    bridges,
    functions: described,
  };
  return { platform, functions: ids };
}

/** A device that is plugged in later, maybe where another one was. */
export const pluggedKey = (path: string, type: string): string => `${path} ${type.replace(/-pci$/, '')}`;
