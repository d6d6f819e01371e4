import type { CfgBase } from '../../base/brand.js';
import type { HostBridge, Platform } from '../../platform/platform.js';
import { offsetOf } from '../../policy/axes.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import { has } from '../../policy/has.js';
import type { Env } from '../../state/env.js';
import type { ReadonlyWorld } from '../../state/world.js';
import type { Context } from '../context.js';

/** Compatible strings Xen's ARM host-bridge drivers match. @source facts/xen 3.4, facts/dom0 1.8 */
const drivenCompatibles = new Set([
  'pci-host-ecam-generic',
  'xlnx,nwl-pcie-2.11',
  'renesas,r8a779f0-pcie',
  'renesas,r8a779g0-pcie',
]);

export const isDrivenByXen = (bridge: HostBridge): boolean =>
  bridge.compatible.some((compatible) => drivenCompatibles.has(compatible));

/** Whether the Xen of an ARM machine was built with PCI; that of an x86 machine always is. */
export const hasPci = (env: Env): boolean =>
  env.platform.arch === 'x86_64' || (env.switches['arm-pci'] === 'built' && has(env, 'arm-knows-pci'));

/**
 * Whether Xen on ARM looks at PCI at all. The IOMMU alone suffices since 4.21.
 * @source xen/drivers/pci/physdev.c, pci_physdev_op @RELEASE-4.22.0
 */
export function isPciActive(env: Env): boolean {
  const { policies } = env;
  return (
    policies['pci-passthrough'] === 'on' || (policies.iommu === 'on' && has(env, 'arm-pci-by-iommu-alone'))
  );
}

const indexes = new WeakMap<Platform, ReadonlyMap<CfgBase, number>>();

/** Index of the bridge in the platform; -1 when it has none. O(1) after the first call. */
export function bridgeIndex({ platform }: Env, cfgBase: CfgBase): number {
  let table = indexes.get(platform);
  if (table === undefined) {
    // The first of two bridges with one window wins, as in every list search.
    table = new Map(platform.bridges.map(({ cfgBase: base }, i) => [base, i] as const).reverse());
    indexes.set(platform, table);
  }
  return table.get(cfgBase) ?? -1;
}

/**
 * `pci_find_host_bridge`: the first bridge of Xen's list with that segment whose bus range holds `bus`; its platform
 * index, or null. Two bridges with one number are not told apart: list order wins. @source facts/xen 3.4
 */
export function findHostBridge(state: ReadonlyWorld, env: Env, segment: number, bus: number): number | null {
  for (const candidate of state.xen.bridges) {
    if (candidate.segment !== segment) continue;
    const index = bridgeIndex(env, candidate.cfgBase);
    const bridge = env.platform.bridges[index];
    if (bridge !== undefined && bus >= bridge.busStart && bus <= bridge.busEnd) return index;
  }
  return null;
}

/**
 * Xen's probe of one device-tree node: decides whether a driver takes it and which number it gets.
 * A number on some nodes only stops the hypervisor. @source facts/xen 3.4, facts/arm-msi-iommu 1.3
 */
export function probeInXen(context: Context, cfgBase: CfgBase): void {
  const bridge = context.env.platform.bridges[bridgeIndex(context.env, cfgBase)];
  const refuse = (reason: string): void => {
    context.emit('xen', 'bridge.rejected', { by: 'xen', cfgBase, errno: null, reason });
  };
  if (bridge === undefined) return refuse('no such bridge on this machine');
  // Xen probes while it boots; a driver domain that comes up anew is none of its business.
  const { owners, xen } = context.state;
  if (owners.settled && xen.bridges.some((known) => known.cfgBase === cfgBase)) return;
  if (hasBehaviour(context.env.behaviour, 'arm-as-it-runs') && !hasPci(context.env))
    return refuse('Xen is built without PCI');
  if (!isPciActive(context.env)) return refuse('neither pci-passthrough nor an IOMMU is on');
  if (!bridge.available) return refuse('node is disabled');
  if (bridge.xenPassthrough) return refuse('node is marked xen,passthrough');
  if (!isDrivenByXen(bridge)) return refuse('no driver of Xen matches the node');
  // The number is asked for before the bridge is put on the list, and a mix of properties ends there.
  const stopsFirst =
    hasBehaviour(context.env.behaviour, 'arm-as-it-runs') && mixesProperties(context, bridge);
  if (!stopsFirst) context.emit('xen', 'bridge.registered', { by: 'xen', cfgBase });
  assignNumber(context, bridge);
}

/** Whether a bridge has `linux,pci-domain` where those before had none, or the reverse, and numbering minds. */
function mixesProperties({ env, state }: Context, { pciDomain }: HostBridge): boolean {
  const policy = env.policies['segments.xen'];
  if (policy === 'told-by-dom0' || offsetOf(policy) !== null) return false;
  if (policy === 'firmware' && pciDomain !== null) return false;
  const property = policy === 'dt-order' ? null : pciDomain;
  return state.xen.useDtDomains === (property === null ? 1 : 0);
}

function assignNumber(context: Context, bridge: HostBridge): void {
  const { cfgBase } = bridge;
  const policy = context.env.policies['segments.xen'];
  const { domainNr } = context.state.xen;
  if (policy === 'told-by-dom0') return;
  const offset = offsetOf(policy);
  if (offset !== null) {
    const segment = domainNr < 0 ? offset : domainNr + 1;
    context.emit('xen', 'segment.assigned', { by: 'xen', segment, cfgBase, source: 'offset' });
    return;
  }
  if (policy === 'firmware' && bridge.pciDomain !== null) {
    context.emit('xen', 'segment.assigned', {
      by: 'xen',
      segment: bridge.pciDomain,
      cfgBase,
      source: 'firmware',
    });
    return;
  }
  const property = policy === 'dt-order' ? null : bridge.pciDomain;
  if (mixesProperties(context, bridge)) {
    context.emit('xen', 'xen.panicked', { reason: 'Inconsistent "linux,pci-domain" property in DT' });
    return;
  }
  const source = property === null ? 'counter' : 'property';
  context.emit('xen', 'segment.assigned', { by: 'xen', segment: property ?? domainNr + 1, cfgBase, source });
}
