import type { DomainId } from '../../base/brand.js';
import { formatSbdf, type XenSbdf } from '../../pci/sbdf.js';
import type { Context, Decider } from '../context.js';
import { giveBack } from './assignment.js';
import { unmapAllPirqs } from './pirq.js';

/**
 * A domain's end: interrupts first, then its devices, each to where a deassign would bring it.
 * @source facts/xen 7.2 ("domain destruction"), xen/drivers/passthrough/pci.c (pci_release_devices)
 */
export const decideDomainDestroyed: Decider<'domain.destroyed'> = (context, { data }) => {
  const isKnown = context.state.irq.domains[data.domid] !== undefined;
  disconnect(context, data.domid);
  unmapAllPirqs(context, data.domid);
  for (const name of ownedBy(context, data.domid)) {
    const ret = giveBack(context, name, data.domid);
    if (ret !== 0) {
      const reason = `d${data.domid}: deassign (${formatSbdf(name)}) failed (${ret})`;
      context.emit('xen', 'device.failed', { sbdf: name, step: 'deassign', errno: ret, reason });
    }
  }
  if (isKnown) context.emit('xen', 'domain.released', { domid: data.domid });
};

/** The other ends of its event channels wait for a domain of that id again. */
function disconnect(context: Context, gone: DomainId): void {
  for (const [key, { ports }] of Object.entries(context.state.evtchn)) {
    for (const [port, channel] of Object.entries(ports)) {
      if (channel.state !== 'interdomain' || channel.remote !== gone) continue;
      context.emit('xen', 'evtchn.opened', {
        domid: Number(key) as DomainId,
        port: Number(port),
        state: 'unbound',
        remote: gone,
        remotePort: null,
        number: null,
        vcpu: channel.vcpu,
      });
    }
  }
}

const ownedBy = (context: Context, domid: number): XenSbdf[] =>
  Object.entries(context.state.xen.devices)
    .filter(([, device]) => device.owner === domid)
    .map(([name]) => Number(name) as XenSbdf);
