import type { PhysicalAddress } from '../../base/brand.js';
import { type FunctionId, functionId } from '../../pci/function-id.js';
import { bdf, bdfOf, busOf, type Dom0Sbdf, sbdf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import type { Context, Decider } from '../context.js';
import { readConfig } from '../hardware/config-space.js';
import { bridgeIndex } from '../xen/arm-bridges.js';
import { by, linuxRead, linuxWrite } from './devices.js';
import { report } from './enumerated.js';
import { scanHost } from './tree/host.js';

/** What a scan carries along: the next free bus number is one more than the highest seen. */
interface Scan {
  readonly context: Context;
  readonly segment: number;
  readonly bridge: number;
  highestBus: number;
}

/**
 * A scan of a root bus. What follows is how recordings of 0.1.0 decided it; since then `tree/` does: all functions of a bus in order, each sized and reported to Xen before any
 * address is assigned; then what is behind the bridges, those that firmware had numbered first.
 * @source facts/dom0 2.1 (order), torvalds/linux drivers/pci/probe.c (pci_read_bases, pci_scan_bridge_extend)
 */
export const decideScan: Decider<'linux.scanned'> = (context, { data }) => {
  if (hasBehaviour(context.env.behaviour, 'linux-assigns')) {
    scanHost(context, data.segment, data.bus);
    return;
  }
  const bridge = hostBridgeOf(context, data.segment, data.bus);
  if (bridge === null) return;
  scanBus({ context, segment: data.segment, bridge, highestBus: data.bus }, data.bus);
};

/** Index of the bridge Linux gave that number; firmware's number where nobody gave one. */
function hostBridgeOf(context: Context, segment: number, bus: number): number | null {
  const held = context.state.dom0.bridges.find((one) => one.segment === segment);
  if (held !== undefined) return bridgeIndex(context.env, held.cfgBase);
  const index = context.env.platform.bridges.findIndex(
    (one, i) => (one.pciDomain ?? i) === segment && bus >= one.busStart && bus <= one.busEnd,
  );
  return index < 0 ? null : index;
}

function scanBus(scan: Scan, bus: number): void {
  scan.highestBus = Math.max(scan.highestBus, bus);
  const found: Dom0Sbdf[] = [];
  for (let dev = 0; dev < 32; dev++) {
    for (let fn = 0; fn < 8; fn++) {
      const id = functionId(scan.bridge, bdf(bus, dev, fn));
      const identity = readConfig(scan.context, id, 0, 4);
      const isThere = identity !== 0xffff_ffff && identity !== 0 && (identity & 0xffff) !== 0xffff;
      if (isThere) found.push(setUp(scan, id));
      const single = fn === 0 && (!isThere || (readConfig(scan.context, id, 0x0e, 1) & 0x80) === 0);
      if (single) break;
    }
  }
  const bridges = found.filter((name) => (linuxRead(scan.context, name, 0x0e, 1) & 0x7f) === 1);
  const numbered = bridges.filter((name) => hasNumbers(scan, name));
  for (const name of numbered) scanBehind(scan, name);
  for (const name of bridges) if (!numbered.includes(name)) giveNumbers(scan, name);
}

function setUp({ context, segment }: Scan, id: FunctionId): Dom0Sbdf {
  const name = sbdf<Dom0Sbdf>(segment, bdfOf(id));
  context.emit(by(context), 'linux.found', { sbdf: name, function: id });
  sizeAll(context, name);
  report(context, name, null);
  return name;
}

/** Decoding goes off while ones stand in the registers. */
function sizeAll(context: Context, name: Dom0Sbdf): void {
  const type = linuxRead(context, name, 0x0e, 1) & 0x7f;
  const command = linuxRead(context, name, 0x04, 2);
  if ((command & 3) !== 0) linuxWrite(context, name, 0x04, 2, command & ~3);
  const last = type === 0 ? 0x24 : 0x14;
  for (let reg = 0x10; reg <= last; reg += 4) {
    const low = size(context, name, reg);
    if (low.bits === 0) continue;
    const isPort = (low.value & 1) === 1;
    const isWide = !isPort && (low.value & 6) === 4 && reg < last;
    const mask = isPort ? ~3 : ~0xf;
    if (isWide) {
      const high = size(context, name, reg + 4);
      const start = ((low.value & mask) >>> 0) + high.value * 0x1_0000_0000;
      emitSize(context, name, reg, 'mem64', start, sizeOf((low.bits & mask) >>> 0, high.bits));
      reg += 4;
    } else {
      const bits = (low.bits & mask) >>> 0;
      emitSize(context, name, reg, isPort ? 'io' : 'mem32', (low.value & mask) >>> 0, sizeOf(bits, 0));
    }
  }
  const romAt = type === 0 ? 0x30 : 0x38;
  const rom = size(context, name, romAt, 0xffff_f800);
  const romBits = (rom.bits & 0xffff_f800) >>> 0;
  if (romBits !== 0)
    emitSize(context, name, romAt, 'rom', (rom.value & 0xffff_f800) >>> 0, sizeOf(romBits, 0));
  if ((command & 3) !== 0) linuxWrite(context, name, 0x04, 2, command);
}

/** Ones in, answer out, old value back. */
function size(
  context: Context,
  name: Dom0Sbdf,
  reg: number,
  ones = 0xffff_ffff,
): { value: number; bits: number } {
  const value = linuxRead(context, name, reg, 4);
  linuxWrite(context, name, reg, 4, ones);
  const bits = linuxRead(context, name, reg, 4);
  linuxWrite(context, name, reg, 4, value);
  return { value, bits: bits === value && value === 0 ? 0 : bits };
}

/** The lowest bit that took a one. */
function sizeOf(low: number, high: number): number {
  if (low !== 0) return (low & -low) >>> 0;
  return high === 0 ? 0 : ((high & -high) >>> 0) * 0x1_0000_0000;
}

function emitSize(
  context: Context,
  name: Dom0Sbdf,
  reg: number,
  space: 'io' | 'mem32' | 'mem64' | 'rom',
  start: number,
  sizeBytes: number,
): void {
  if (sizeBytes === 0) return;
  context.emit(by(context), 'linux.sized', {
    sbdf: name,
    reg,
    space,
    start: start as PhysicalAddress,
    sizeBytes: sizeBytes as PhysicalAddress,
  });
}

/** Numbers of firmware are kept when they can be true: the primary bus is this one, the rest lies above it. */
function hasNumbers({ context }: Scan, name: Dom0Sbdf): boolean {
  const [primary, secondary, subordinate] = [0x18, 0x19, 0x1a].map((reg) =>
    linuxRead(context, name, reg, 1),
  ) as [number, number, number];
  return primary === busOf(name) && secondary > busOf(name) && subordinate >= secondary;
}

function scanBehind(scan: Scan, name: Dom0Sbdf): void {
  const { context } = scan;
  const secondary = linuxRead(context, name, 0x19, 1);
  const subordinate = linuxRead(context, name, 0x1a, 1);
  context.emit(by(context), 'linux.bus-numbered', { sbdf: name, secondary, subordinate, byFirmware: true });
  scanBus(scan, secondary);
  scan.highestBus = Math.max(scan.highestBus, subordinate);
}

/** The next free number; everything above is let through until the scan below has ended. */
function giveNumbers(scan: Scan, name: Dom0Sbdf): void {
  const { context } = scan;
  const secondary = scan.highestBus + 1;
  if (secondary > 255) return;
  const latency = linuxRead(context, name, 0x1b, 1);
  const numbers = (subordinate: number): number =>
    (busOf(name) | (secondary << 8) | (subordinate << 16) | (latency << 24)) >>> 0;
  linuxWrite(context, name, 0x18, 4, numbers(0xff));
  scanBus(scan, secondary);
  linuxWrite(context, name, 0x18, 4, numbers(scan.highestBus));
  context.emit(by(context), 'linux.bus-numbered', {
    sbdf: name,
    secondary,
    subordinate: scan.highestBus,
    byFirmware: false,
  });
}
