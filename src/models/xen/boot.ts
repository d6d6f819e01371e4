import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { type FunctionId, functionId } from '../../pci/function-id.js';
import { type Bdf, bdfOf, sbdf, type XenSbdf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import type { Context, Decider } from '../context.js';
import { probeInXen } from './arm-bridges.js';
import { hardwareDomain } from './domains.js';
import { attachToIommu } from './iommu.js';
import { readType } from './pci-device.js';
import { grant, revoke } from './permissions.js';
import { mapRegionsAtBoot } from './reserved-regions.js';
import { attachVpci } from './vpci/attach.js';
import { hasVtd } from './vtd/in-use.js';
import { nrGsis, x86Facts } from './x86.js';

/**
 * x86 boot as far as PCI goes: Xen probes every bus, device and function of each segment firmware named, gives what
 * answers to the hardware domain and lets that domain use all ports, frames and GSIs but its own.
 * @source facts/xen 3.1 (scan_pci_devices, setup_hwdom), xen/arch/x86/dom0_build.c (dom0_setup_permissions)
 */
export const decideXenBoot: Decider<'xen.booted'> = (context) => {
  if (context.env.platform.arch === 'x86_64') bootX86(context, hardwareDomain(context));
  else if (hasBehaviour(context.env.behaviour, 'arm-boots-whole')) probeAll(context);
};

/** ARM: Xen probes the bridges of its tree in the order in which they stand there; one it knows is not probed again. */
function probeAll(context: Context): void {
  for (const { cfgBase } of context.env.platform.bridges) {
    if (context.state.xen.panicked !== null) return;
    if (!context.state.xen.bridges.some((known) => known.cfgBase === cfgBase)) probeInXen(context, cfgBase);
  }
}

/** The same for a given hardware domain; null: there is none, and no device gets an owner. */
export function bootX86(context: Context, hardware: DomainId | null): void {
  if (hardware !== null) permitHardwareDomain(context, hardware);
  if (hardware !== null) mapRegionsAtBoot(context, hardware);
  const { bridges, functions } = context.env.platform;
  bridges.forEach((bridge, index) => {
    const segment = bridge.pciDomain ?? index;
    if (context.state.xen.segments[segment] === undefined)
      context.emit('xen', 'segment.created', { segment });
    const present = functions
      .filter((fn) => Math.floor(fn.function / 0x1_0000) === index)
      .map((fn) => fn.function)
      .filter((fn) => context.state.hw.present[fn] !== undefined)
      .sort((a, b) => a - b);
    for (const fn of present) {
      if (answersScan(context, index, fn)) register(context, segment, fn, hardware);
    }
  });
  if (hardware === null || !hasVtd(context)) return;
  // `setup_hwdom_pci_devices`: those Xen hides are mapped for the hardware domain too.
  for (const name of Object.keys(context.state.xen.devices))
    attachToIommu(context, Number(name) as XenSbdf, hardware);
}

/** Function 0 missing hides the slot; a single-function slot stops after it. */
function answersScan(context: Context, bridge: number, fn: FunctionId): boolean {
  const id = bdfOf(fn);
  if ((id & 7) === 0) return true;
  const first = functionId(bridge, (id & ~7) as Bdf);
  if (context.state.hw.present[first] === undefined) return false;
  const described = context.env.platform.functions.find((other) => other.function === first);
  return ((described?.config[0x0e] ?? 0) & 0x80) !== 0;
}

/** An AMD IOMMU's function: Xen drives it and hides it. @source facts/xen 3.1 (dom_xen), 5.3 */
function isXensOwn(context: Context, fn: FunctionId): boolean {
  const config = context.env.platform.functions.find((other) => other.function === fn)?.config;
  return config !== undefined && config[0x0b] === 0x08 && config[0x0a] === 0x06;
}

function register(context: Context, segment: number, fn: FunctionId, hardware: DomainId | null): void {
  const name = sbdf<XenSbdf>(segment, bdfOf(fn));
  context.emit('xen', 'device.registered', {
    sbdf: name,
    function: fn,
    owner: isXensOwn(context, fn) ? domids.XEN : hardware,
    type: readType(context, name),
    isExtfn: 'plain',
    physfn: null,
  });
  // A function that cannot be emulated stays the hardware domain's, raw.
  if (hardware !== null) attachVpci(context, name, hardware, true);
}

/** Ports of the PICs, ELCR, PIT, speaker, A20, IGNNE, reset and configuration data. @source xen/arch/x86/dom0_build.c */
const keptPorts: readonly (readonly [number, number])[] = [
  [0x20, 0x21],
  [0xa0, 0xa1],
  [0x4d0, 0x4d1],
  [0x40, 0x43],
  [0x61, 0x61],
  [0x92, 0x92],
  [0xf0, 0xf0],
  [0xcf9, 0xcf9],
  [0xcfc, 0xcff],
];
const LOCAL_APIC_FRAME = 0xfee00;

function permitHardwareDomain(context: Context, domid: DomainId): void {
  const facts = x86Facts(context.env);
  grant(context, domid, 'ioport', 0, 0xffff);
  grant(context, domid, 'iomem', 0, 2 ** (facts.addressBits - 12) - 1);
  grant(context, domid, 'irq', 1, nrGsis(context.env) - 1);
  for (const [first, last] of [...keptPorts, ...facts.ownPorts])
    revoke(context, domid, 'ioport', first, last);
  revoke(context, domid, 'iomem', LOCAL_APIC_FRAME, LOCAL_APIC_FRAME);
  if (context.state.domains[domid]?.type === 'pv') return;
  // A PVH hardware domain has emulated I/O APICs at the same place.
  for (const { address } of facts.ioapics) revoke(context, domid, 'iomem', address / 4096, address / 4096);
}
