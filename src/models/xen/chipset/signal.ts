import type { DomainId } from '../../../base/brand.js';
import type { DataOf } from '../../../events/catalogue.js';
import type { GuestSbdf } from '../../../pci/sbdf.js';
import type { Context, Decider } from '../../context.js';
import { guestOf } from '../ioreq/guest.js';
import { selectServer } from '../ioreq/select.js';
import { receiveError, receivePme } from './own-port.js';
import { conditionsOf, signalConditions } from './port-interrupt.js';
import { nameOn, portAbove } from './registrations.js';
import { designFor } from './route.js';

type Message = DataOf<'function.signalled'>['message'];

/**
 * An error or power-management event of a function of a guest, on its way to the root port above it. Where Xen owns the
 * port it arrives there; elsewhere the device model has to raise it in its own port. **No Xen does any of this**: under
 * `none` it is what QEMU could do alone. @source facts/xen 13.3; facts/q35-qemu 2.7, 2.9; facts/arm-msi-iommu 8.3, 8.4
 */
export const decideSignal: Decider<'function.signalled'> = (context, { data: { domid, sbdf, message } }) => {
  const guest = guestOf(context, domid);
  const told = (port: GuestSbdf | null, source: GuestSbdf, to: string, why: string): void => {
    context.emit('xen', 'message.forwarded', { domid, message, source, port, to, why });
  };
  if (guest === undefined) return told(null, sbdf, 'nobody', 'the guest is gone');
  const design = designFor(context, guest);
  const access = { space: 'mem', addr: 0, size: 4, count: 1, df: false } as const;
  const owner = selectServer(guest, access, { type: 'pci', addr: sbdf * 2 ** 32, sbdf, reg: 0 });
  if (owner < 0) return told(null, sbdf, 'nobody', 'no enabled server has the function');
  const above = design === 'none' || design === 'notify' ? null : portAbove(context, domid, owner, sbdf);
  if (above === null) {
    const why =
      design === 'none' || design === 'notify'
        ? 'Xen knows no ports under this design: the device model of the function is told'
        : 'Xen knows no root port above the function: its device model is told';
    return told(null, sbdf, `server:${owner}`, why);
  }
  const { port, bus } = above;
  const source = nameOn(bus, sbdf & 0xff);
  if (design === 'xen-chipset') {
    told(port, source, 'xen', "the root port is Xen's own");
    arrive(context, domid, port, message, source);
    return;
  }
  if (message === 'PM_PME') {
    told(port, source, 'xen', "Xen keeps PME enable and root status over the device model's port");
    arrive(context, domid, port, message, source);
    return;
  }
  const name = { type: 'pci', addr: port * 2 ** 32, sbdf: port, reg: 0 } as const;
  const server = selectServer(guest, access, name);
  told(
    port,
    source,
    server < 0 ? 'nobody' : `server:${server}`,
    server < 0 ? 'no server has the root port' : `the root port is server ${server}'s`,
  );
};

function arrive(
  context: Context,
  domid: DomainId,
  port: GuestSbdf,
  message: Message,
  source: GuestSbdf,
): void {
  const before = conditionsOf(context, domid, port);
  if (message === 'PM_PME') receivePme(context, domid, port, source);
  else receiveError(context, domid, port, message, source);
  signalConditions(context, domid, port, before);
}
