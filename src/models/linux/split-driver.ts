import type { Decider } from '../context.js';
import { hardwareDomain } from '../xen/domains.js';

const PAGE = 4096;

/**
 * A plain split driver, for comparison: every byte passes the hardware domain's memory and drivers. A block backend
 * maps the guest's pages and lets the device reach them; a network backend copies. With passthrough none of this
 * happens: the guest's driver and the device meet without the hardware domain, which only carries configuration
 * accesses of a PV guest. @source facts/dom0 3, 6 (what passes through the page), thread of 2008
 */
export const decideSplitRequest: Decider<'split.requested'> = (context, { data }) => {
  const owner = hardwareDomain(context);
  if (context.state.domains[data.domid] === undefined) return;
  context.emit(`d${owner}`, 'split.carried', {
    domid: data.domid,
    through: owner,
    grants: Math.ceil(data.sizeBytes / PAGE),
    copiedBytes: data.device === 'vif' ? data.sizeBytes : 0,
    interruptOwner: owner,
  });
};
