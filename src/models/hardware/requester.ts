import { findCapability } from '../../pci/capability-walk.js';
import { dmaAliases } from '../../pci/dma-aliases.js';
import { bridgeOf, type FunctionId, functionBdf } from '../../pci/function-id.js';
import { type Bdf, bdfOf, busOf, devfnOf } from '../../pci/sbdf.js';
import type { Platform, PlatformFunction } from '../../platform/platform.js';
import type { Context } from '../context.js';
import { readConfig } from './config-space.js';

type View = Pick<Context, 'state' | 'env'>;

const bridgeTables = new WeakMap<Platform, readonly PlatformFunction[]>();

const PCIE_TO_PCI = 7;
const PCI_TO_PCIE = 8;

/**
 * The requester id under which a function's requests arrive at the root: its own or that of another function it is
 * known to send as, unless a conventional bridge on the way takes them over, with its own id, or as device 0 of the bus
 * behind it where it leads from PCI Express to PCI.
 * @source facts/dom0 10.3; facts/q35-qemu 2.11
 * @cost O(bridges of the machine) per level
 */
export function requesterOf(view: View, fn: FunctionId): Bdf {
  let id = ownRequester(view, fn);
  let bus = busOf(functionBdf(fn));
  for (let level = 0; level < 256 && bus !== 0; level++) {
    const above = bridgeAbove(view, bridgeOf(fn), bus);
    if (above === null || busOf(bdfOf(above)) === bus) return id;
    const type = portType(view, above);
    if (type === PCIE_TO_PCI) id = (bus << 8) as Bdf;
    else if (type === null || type === PCI_TO_PCIE) id = bdfOf(above);
    bus = busOf(bdfOf(above));
  }
  return id;
}

/** Some controllers send everything as another function of their slot. */
function ownRequester(view: View, fn: FunctionId): Bdf {
  const own = functionBdf(fn);
  const read = (reg: number): number => readConfig(view, fn, reg, 2);
  const ids = { vendor: read(0), device: read(2), subsystemVendor: read(0x2c), subsystem: read(0x2e) };
  const aliases = dmaAliases(ids, devfnOf(own));
  return aliases.length === 1 ? (((own & 0xff00) | aliases[0]!) as Bdf) : own;
}

/** The bridge whose secondary bus it is; null on a root bus. */
function bridgeAbove(view: View, hostBridge: number, bus: number): FunctionId | null {
  for (const { function: fn } of bridgesOf(view.env.platform)) {
    if (bridgeOf(fn) !== hostBridge || view.state.hw.present[fn] === undefined) continue;
    if (readConfig(view, fn, 0x19, 1) === bus) return fn;
  }
  return null;
}

function bridgesOf(platform: Platform): readonly PlatformFunction[] {
  let bridges = bridgeTables.get(platform);
  if (bridges === undefined) {
    bridges = platform.functions.filter(({ config }) => (config[0x0e]! & 0x7f) === 1);
    bridgeTables.set(platform, bridges);
  }
  return bridges;
}

/** PCI Express port type; null for a conventional function. */
function portType(view: View, fn: FunctionId): number | null {
  const read = (reg: number, size: number): number => readConfig(view, fn, reg, size);
  const express = findCapability(read, 0x10);
  return express === 0 ? null : (read(express + 2, 2) >>> 4) & 0xf;
}
