import type { CfgBase } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import type { HostBridge } from '../../platform/platform.js';
import type { Context, Decider } from '../context.js';
import { bridgeIndex, isDrivenByXen, isPciActive, probeInXen } from '../xen/arm-bridges.js';
import { hardwareDomain } from '../xen/domains.js';
import { enterXen } from '../xen/hypercalls.js';
import { numberInLinux } from './segments.js';

/** A host-bridge driver probed, in Xen at boot or in Dom0's Linux. */
export const decideBridgeProbe: Decider<'bridge.probed'> = (context, { data }) => {
  if (data.by === 'xen') probeInXen(context, data.cfgBase);
  else probeInLinux(context, data.cfgBase, data.result);
};

/** Linux gives the number back when a bridge goes; the counter rule burns it. @source facts/dom0 1.3, 1.4 */
export const decideBridgeUnbind: Decider<'bridge.unbound'> = (context, { data }) => {
  if (data.by === 'dom0') release(context, data.cfgBase);
};

function probeInLinux(context: Context, cfgBase: CfgBase, result: 'bound' | 'deferred' | 'failed'): void {
  const { env, state } = context;
  // Where nobody owns the bridges, no Linux probes them.
  if (state.owners.settled && state.owners.owner === null) return;
  const bridge = env.platform.bridges[bridgeIndex(env, cfgBase)];
  const refuse = (errnoValue: number, reason: string): void => {
    context.emit('d0', 'bridge.rejected', { by: 'dom0', cfgBase, errno: errnoValue, reason });
  };
  if (bridge === undefined) return refuse(-errno.ENODEV, 'no such bridge on this machine');
  if (!bridge.available) return refuse(-errno.ENODEV, 'node is disabled');
  // A deferral happens before the number is asked for, so nothing is burnt. @source facts/dom0 1.3
  if (result === 'deferred') return refuse(-errno.EPROBE_DEFER, 'probe deferred');
  const numbering = numberInLinux(state, env, bridge, treeNumber(context, bridge));
  if ('errno' in numbering) return refuse(numbering.errno, numbering.reason);
  const clash = state.dom0.bridges.some(
    (other) =>
      other.segment === numbering.segment &&
      env.platform.bridges[bridgeIndex(env, other.cfgBase)]?.busStart === bridge.busStart,
  );
  if (clash)
    return refuse(-errno.EEXIST, `bus ${bridge.busStart} of domain ${numbering.segment} exists already`);
  const { segment, source } = numbering;
  context.emit('d0', 'segment.assigned', { by: 'dom0', segment, cfgBase, source });
  if (result === 'failed') {
    release(context, cfgBase);
    return refuse(-errno.EIO, 'probe failed after the bridge had its number');
  }
  tellXen(context, bridge, segment);
}

/**
 * The number Dom0's device tree holds for a bridge: the firmware's, or the one Xen wrote while it built Dom0 with
 * `pci-passthrough=on`. @source facts/xen 3.4 (Dom0 DT)
 */
function treeNumber(context: Context, bridge: HostBridge): number | null {
  if (bridge.pciDomain !== null) return bridge.pciDomain;
  if (context.env.policies['pci-passthrough'] !== 'on') return null;
  return context.state.xen.bridges.find((known) => known.cfgBase === bridge.cfgBase)?.segment ?? null;
}

function release(context: Context, cfgBase: CfgBase): void {
  const held = context.state.dom0.bridges.find((bridge) => bridge.cfgBase === cfgBase);
  if (held === undefined) return;
  const reusable = held.source === 'ida' || held.source === 'property' ? 'yes' : 'no';
  context.emit('d0', 'segment.released', { by: 'dom0', segment: held.segment, cfgBase, reusable });
}

/** Under the proposed design Dom0 states each bridge's number as soon as it has one. Never merged. @source facts/xen 13.1 */
function tellXen(context: Context, bridge: HostBridge, segment: number): void {
  if (context.env.policies['segments.xen'] !== 'told-by-dom0') return;
  if (!isPciActive(context.env) || !isDrivenByXen(bridge)) return;
  enterXen(context, hardwareDomain(context), 'physdev_op', 'pci_host_bridge_add', {
    seg: segment,
    cfg_base: bridge.cfgBase,
    cfg_size: bridge.cfgSizeBytes,
  });
}
