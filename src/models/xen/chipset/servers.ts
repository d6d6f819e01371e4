import type { DomainId } from '../../../base/brand.js';
import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context } from '../../context.js';
import { argNumber, type Call } from '../../hypercall.js';
import { arg64 } from '../dm-op/call.js';
import { guestOf } from '../ioreq/guest.js';
import { lookAtSlots } from './own-port.js';
import { serverMapped } from './registrations.js';
import { designFor } from './route.js';

const PCI = 2;

/**
 * A device model's call may have changed what stands behind the ports Xen knows: where its functions belong, and whether
 * a slot of Xen's has a card. @source facts/xen 4.2, 13.3
 */
export function serversChanged(
  context: Context,
  domid: DomainId,
  { op, args }: Pick<Call, 'op' | 'args'>,
): void {
  const guest = guestOf(context, domid);
  if (guest === undefined || !hasBehaviour(context.env.behaviour, 'chipset-ports')) return;
  const design = designFor(context, guest);
  if (design === 'none' || design === 'notify') return;
  switch (op) {
    case 'map_io_range_to_ioreq_server':
      if (argNumber(args, 'type') !== PCI) return;
      serverMapped(context, domid, argNumber(args, 'id'), arg64(args, 'start'), arg64(args, 'end'));
      break;
    case 'unmap_io_range_from_ioreq_server':
    case 'set_ioreq_server_state':
    case 'destroy_ioreq_server':
      break;
    default:
      return;
  }
  if (design === 'xen-chipset') lookAtSlots(context, domid);
}
