import type { DomainId } from '../../../base/brand.js';
import { domids } from '../../../base/domid.js';
import { errno } from '../../../base/errno.js';
import { formatSbdf, sbdf, segmentOf, type XenSbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { ContextEntry } from '../../../state/vtd.js';
import type { Context } from '../../context.js';
import { hardwareDomain } from '../domains.js';
import type { IommuFailure } from '../iommu-failure.js';
import { regionsOf } from '../reserved-regions.js';
import { upstreamBridge } from '../upstream-bridge.js';

/** What mapping goes by; a device that Xen is about to register is not in its list yet. */
export interface MappedDevice {
  readonly type: string;
  readonly owner: DomainId | null;
}

type Root = Pick<ContextEntry, 'root' | 'domid'>;

/**
 * `domain_context_mapping`: a PCI Express device has one entry. A conventional one behind a bridge has up to three, as
 * its requests come under the id of the bridge or of device 0 on the bus behind it, and those stand for every device
 * there: the last one mapped decides. Bridges have none.
 * @source xen/drivers/passthrough/vtd/iommu.c at c447b73; facts/xen 7.2
 */
export function mapContext(
  context: Context,
  name: XenSbdf,
  to: DomainId,
  device: MappedDevice | undefined = context.state.xen.devices[name],
): IommuFailure | null {
  if (device === undefined) return null;
  const root = rootOf(context, name, to);
  const refused = refusal(context, name, device.type, root === null ? device.owner : to);
  if (refused !== null) return refused;
  if (device.type !== 'pci' && device.type !== 'pcie-endpoint') return null;
  if (root === null) {
    unmapContext(context, name);
    return null;
  }
  const had = context.state.vtd.contexts[name] !== undefined;
  write(context, name, name, 'function', root);
  if (device.type !== 'pci') return null;
  const above = upstreamBridge(context, name);
  if (above === null) return null;
  if (had && device.owner !== null && device.owner !== to && regionsOf(context, name).length > 0) {
    mapContext(context, name, device.owner);
    const reason = `${formatSbdf(name)} has reserved memory and stands behind a bridge others may share`;
    return { errno: -errno.EOPNOTSUPP, reason };
  }
  const at = (id: number): XenSbdf => sbdf<XenSbdf>(segmentOf(name), id);
  write(context, name, at(above.bridge), 'bridge', root);
  const zero = at(above.bus << 8);
  if (above.type === 'pcie-to-pci' && zero !== name) write(context, name, zero, 'behind-bridge', root);
  return null;
}

/**
 * What has no entry: bridges need none, a host bridge stays the hardware domain's, and of a type Xen does not know no
 * requester is known. Mapping asks on behalf of the new owner, unmapping of the old one.
 * @source xen/drivers/passthrough/vtd/iommu.c (domain_context_mapping, domain_context_unmap) at RELEASE-4.22.0
 */
function refusal(context: Context, name: XenSbdf, type: string, on: DomainId | null): IommuFailure | null {
  if (!hasBehaviour(context.env.behaviour, 'xen-as-released')) return null;
  if (type === 'host-bridge' && on !== hardwareDomain(context))
    return { errno: -errno.EPERM, reason: 'host bridge' };
  if (type === 'unknown' || type === 'pci-to-pcie')
    return { errno: -errno.EINVAL, reason: `d${on}:unknown(${typeNumbers[type]}): ${formatSbdf(name)}` };
  return null;
}

/** `enum pdev_type`. @source xen/include/xen/pci.h at RELEASE-4.22.0 */
const typeNumbers = { unknown: 0, 'pci-to-pcie': 4 } as const;

/** `domain_context_unmap`: the entries of the bridge go with the device's own, whoever else needs them. */
export function unmapContext(context: Context, name: XenSbdf): IommuFailure | null {
  const device = context.state.xen.devices[name];
  if (device === undefined) return null;
  const refused = refusal(context, name, device.type, device.owner);
  if (refused !== null) return refused;
  if (device.type !== 'pci' && device.type !== 'pcie-endpoint') return null;
  clear(context, name, name);
  const above = device.type === 'pci' ? upstreamBridge(context, name) : null;
  if (above === null) return null;
  clear(context, name, sbdf<XenSbdf>(segmentOf(name), above.bridge));
  if (above.type === 'pcie-to-pci') clear(context, name, sbdf<XenSbdf>(segmentOf(name), above.bus << 8));
  return null;
}

/**
 * What an owner's devices go through; null: no entry. Quarantine has a table of its own only with a scratch page, or
 * for a device with reserved regions. @source vtd/iommu.c (intel_iommu_quarantine_init)
 */
function rootOf(context: Context, name: XenSbdf, to: DomainId): Root | null {
  const { quarantine } = context.env.policies;
  if (to === domids.IO) {
    if (quarantine === 'scratch-page') return { root: 'scratch-page', domid: null };
    return quarantine === 'basic' && regionsOf(context, name).length > 0
      ? { root: 'quarantine', domid: null }
      : null;
  }
  const passes = to === hardwareDomain(context) && hardwareDomainReach(context, to) === 'passthrough';
  return passes ? { root: 'pass-through', domid: null } : { root: 'domain', domid: to };
}

/** What the hardware domain's page table maps; translated domains are strict. @source drivers/passthrough/iommu.c (check_hwdom_reqs) */
export const hardwareDomainReach = (context: Context, hardware: DomainId): string =>
  context.state.domains[hardware]?.type === 'pv' ? context.env.policies['dom0-iommu'] : 'strict';

function write(
  context: Context,
  device: XenSbdf,
  requester: XenSbdf,
  stands: ContextEntry['stands'],
  root: Root,
): void {
  const held = context.state.vtd.contexts[requester];
  if (held !== undefined && held.root === root.root && held.domid === root.domid) return;
  context.emit('xen', 'vtd.programmed', {
    requester,
    device,
    stands,
    root: root.root,
    domid: root.domid as DomainId | null,
    from: (held?.domid ?? null) as DomainId | null,
  });
}

function clear(context: Context, device: XenSbdf, requester: XenSbdf): void {
  const held = context.state.vtd.contexts[requester];
  if (held === undefined) return;
  const from = held.domid as DomainId | null;
  context.emit('xen', 'vtd.programmed', {
    requester,
    device,
    stands: held.stands,
    root: 'none',
    domid: null,
    from,
  });
}
