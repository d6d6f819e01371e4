import { kernelConnection } from '../../../state/pciback.js';
import { FRONTEND_TOKEN } from '../../../state/pcifront.js';
import type { Decider } from '../../context.js';
import { XenstoreClient } from '../../xenstore/client.js';
import { backendOf } from '../../xenstore/xenbus.js';

/**
 * A guest that finds `suspend` in its control node acknowledges it, freezes its drivers and stops. pcifront has nothing
 * to do when it freezes: its state in XenStore stays Connected.
 * @source drivers/xen/manage.c (shutdown_handler, do_suspend), drivers/xen/xenbus/xenbus_probe.c (xenbus_dev_suspend) of v6.1
 */
export const decideGuestSuspend: Decider<'guest.suspended'> = (context, { data }) => {
  const { domid } = data;
  if (context.state.domains[domid] === undefined || context.state.sleep.suspended[domid] === true) return;
  const store = new XenstoreClient(context, `d${domid}`, kernelConnection(domid));
  let asked = false;
  store.transactionIf(() => {
    asked = store.read('control/shutdown') === 'suspend';
    if (asked) store.write('control/shutdown', '');
    return asked;
  });
  if (asked) context.emit('xen', 'domain.stopped', { domid, reason: 'suspend', why: '' });
};

/**
 * `xenbus_dev_resume` of pcifront in a domain built from an image: it looks for its backend, calls its state Initialising
 * and watches the backend again. There is no `resume` of pcifront itself, so the new backend is offered neither page nor
 * event channel, and requests go into a page nobody has mapped. @source drivers/xen/xenbus/xenbus_probe.c, drivers/pci/xen-pcifront.c of v6.1
 */
export const decideGuestResume: Decider<'guest.resumed'> = (context, { data }) => {
  const { domid } = data;
  if (context.state.pcifront[domid]?.stale !== true) return;
  const store = new XenstoreClient(context, `d${domid}`, kernelConnection(domid));
  if (store.read('device/pci/0/backend') === null) {
    const text = 'pci pci-0: resume (talk_to_otherend) failed: -2';
    context.emit(`d${domid}`, 'linux.logged', { domid, text });
    return;
  }
  store.watch(`${backendOf(context.state.xenstore.nodes, domid)}/state`, FRONTEND_TOKEN);
};
