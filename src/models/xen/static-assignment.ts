import { errno } from '../../base/errno.js';
import { parseSbdf } from '../../pci/sbdf.js';
import type { Decider } from '../context.js';
import { grant } from './permissions.js';

/**
 * Xen builds a domain from the device tree. Passthrough nodes name nodes of the host's tree (`xen,path`) and where
 * their registers go (`xen,reg`); such a node is given away at once, protected by the IOMMU unless forced. A host
 * bridge is a node like any other, but has `iommu-map` instead of `iommus`, so that the IOMMU does not protect the node
 * itself: only the forced assignment takes it, with everything behind it and no translation. For a PCI function there
 * is nothing to write down and nothing to call.
 *
 * @source facts/dom0 12.3, facts/xen 7.4, 12.1; xen/common/device-tree/dom0less-build.c (handle_passthrough_prop,
 *   handle_prop_pfdt)
 */
export const decideStaticWish: Decider<'static.wanted'> = (context, { data }) => {
  const { domid, path } = data;
  const refuse = (ret: number, why: string): void => {
    context.emit('xen', 'static.refused', { domid, what: path, errno: ret, why });
  };
  if (context.env.policies['hardware-domain'] !== 'dom0less') return;
  if (parseSbdf(path) !== null) return refuse(0, 'no node of the tree is a PCI function: no mechanism');
  if (!data.hasReg && !data.force) return refuse(-errno.EINVAL, `xen,reg or xen,path missing for d${domid}`);
  if (!data.found) return refuse(-errno.EINVAL, `Couldn't find node ${path} in host_dt!`);
  if (!data.hasIommus && !data.force) return refuse(-errno.EINVAL, 'not protected by an IOMMU');
  const bridge = context.env.platform.bridges.find(({ node }) => node === path);
  if (bridge !== undefined) {
    const first = bridge.cfgBase / 4096;
    grant(context, domid, 'iomem', first, first + bridge.cfgSizeBytes / 4096 - 1);
  }
  context.emit('xen', 'static.assigned', { domid, path });
};
