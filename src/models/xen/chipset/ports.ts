import type { DomainId } from '../../../base/brand.js';
import type { GuestSbdf } from '../../../pci/sbdf.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context } from '../../context.js';
import { slotOfPort } from './own-port.js';
import { placeServers } from './registrations.js';

/**
 * Xen learns a port's secondary bus. What servers have registered on that bus, and what no other port has, stands behind
 * this one from now on, whatever number the guest gives the port later.
 */
export function learnBus(context: Context, domid: DomainId, port: GuestSbdf, bus: number): void {
  const known = context.state.mmconfig[domid]?.ports[port];
  if (known?.bus === bus) return;
  if (!hasBehaviour(context.env.behaviour, 'chipset-ports')) {
    if (bus !== 0)
      context.emit('xen', 'bus.learnt', { domid, port, bus, registered: known?.registered ?? bus });
    return;
  }
  if (bus === 0 && known === undefined) return;
  context.emit('xen', 'bus.learnt', { domid, port, bus, registered: known?.registered ?? bus });
  if (bus !== 0) placeServers(context, domid, port, bus);
  slotOfPort(context, domid, port, 'cold');
}
