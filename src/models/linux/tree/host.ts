import type { Context, Decider } from '../../context.js';
import { bridgeIndex } from '../../xen/arm-bridges.js';
import { by, linuxLog, setUpGsi } from '../devices.js';
import { claimAll, keepBars, keepRoms, keepWindows } from './claim.js';
import { busName, busRange, type TreeBus } from './device.js';
import { enable, setMaster } from './enable.js';
import { describe, flag, has } from './resource.js';
import { scanBelow } from './scan.js';
import { assignAfterRescan, assignOnce, assignUnassigned } from './setup.js';
import { Work } from './work.js';

/**
 * A host bridge's bus is scanned. On ARM its addresses are given out at once; on x86 that waits until all root buses
 * are known (`linux.surveyed`). A bus Linux has already is scanned again.
 * @source facts/dom0 2.1; drivers/pci/probe.c of v6.1 and v6.12 (pci_host_probe), arch/arm64/kernel/pci.c
 */
export function scanHost(context: Context, segment: number, number: number): void {
  const work = new Work(context);
  const known = work.bus(segment, number);
  if (known !== null) {
    rescan(work, known);
    return;
  }
  const host = hostBridge(context, segment, number);
  if (host === null) return;
  const root = work.addBus(null, null, segment, number, host);
  printRoot(work, root);
  scanBelow(work, root, 0);
  if (!work.isX86) setUpResources(work, root);
  work.settle();
}

/** Scans a bus again; what is new gets its place. @source drivers/pci/probe.c of v6.1 (pci_rescan_bus) */
export function rescan(work: Work, bus: TreeBus): void {
  scanBelow(work, bus, 0, false);
  assignAfterRescan(work, bus);
  work.settle();
}

/** Index of the bridge Linux gave that number to; firmware's number where nobody gave one. */
function hostBridge(context: Context, segment: number, bus: number): number | null {
  const { bridges } = context.env.platform;
  const spans = (index: number): boolean => {
    const one = bridges[index];
    return one !== undefined && bus >= one.busStart && bus <= one.busEnd;
  };
  const held = context.state.dom0.bridges
    .filter((one) => one.segment === segment)
    .map((one) => bridgeIndex(context.env, one.cfgBase))
    .find(spans);
  if (held !== undefined) return held;
  const index = bridges.findIndex((one, i) => (one.pciDomain ?? i) === segment && spans(i));
  return index < 0 ? null : index;
}

function printRoot(work: Work, root: TreeBus): void {
  const say = (text: string): void => work.logBus(root, `root bus resource ${text}`);
  const buses = `[bus ${busRange(root.number, root.end).slice(5)}`;
  linuxLog(work.context, `PCI host bridge to bus ${busName(root)}`);
  if (!work.isX86) say(buses);
  for (const { resource, offset } of root.windows) {
    const digits = has(resource, flag.io) ? 4 : 8;
    const end = (value: number): string => `0x${(value - offset).toString(16).padStart(digits, '0')}`;
    const there = offset === 0 ? '' : ` (bus address [${end(resource.start)}-${end(resource.end)}])`;
    say(`${describe(resource)}${there}`);
  }
  if (work.isX86) say(buses);
}

function setUpResources(work: Work, root: TreeBus): void {
  const { policies } = work.context.env;
  const asked = policies['linux-resources'];
  if (work.preserves || asked === 'probe-only') claimAll(work, root);
  if (asked === 'probe-only' && !work.preserves) return;
  // Up to 6.10 a device tree's bus was gone through once, with room for later as a must.
  if (asked === 'assign' && !work.has('assigns-device-tree-buses-in-passes')) assignOnce(work, root);
  else assignUnassigned(work, root);
}

/**
 * x86, when all root buses are known: what firmware placed is kept where it can be, the rest is assigned.
 * @source arch/x86/pci/i386.c of v6.1 (pcibios_resource_survey, pcibios_assign_resources)
 */
export const decideSurvey: Decider<'linux.surveyed'> = (context) => {
  const work = new Work(context);
  const { roots } = work.tree;
  for (const root of roots) keepWindows(work, root);
  for (const root of roots) keepBars(work, root, true);
  for (const root of roots) keepBars(work, root, false);
  for (const root of roots) keepRoms(work, root);
  for (const root of roots) assignUnassigned(work, root);
  work.settle();
};

/** A driver bound: bridges above, decoding, bus mastering, and on a PV hardware domain the interrupt. @source facts/dom0 2.5 */
export const decideDriverProbe: Decider<'linux.driver-probed'> = (context, { data }) => {
  const work = new Work(context);
  const device = work.device(data.sbdf);
  if (device === null) return;
  context.emit(by(context), 'linux.driver-changed', { sbdf: data.sbdf, driver: data.driver });
  if (!enable(work, device)) {
    context.emit(by(context), 'linux.driver-changed', { sbdf: data.sbdf, driver: null });
    return;
  }
  setMaster(work, device);
  setUpGsi(context, context.state.linux.devices[data.sbdf]?.gsi ?? 0);
  work.settle();
};
