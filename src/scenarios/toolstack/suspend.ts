import type { DomainId } from '../../base/brand.js';
import { pciCommands } from '../../models/linux/pciif/page.js';
import { busOf, devfnOf } from '../../pci/sbdf.js';
import { e1000e, nvme, packed, type Wired } from './functions.js';
import { boot, connectedGuest, guest, type Part, request, run, setpci, settle, willing } from './parts.js';
import { release417, type Symptom } from './symptom.js';

const GUEST = 1;

/** Guests with devices while the machine sleeps, or while they are saved themselves. @source facts/dom0 Appendix C 23 */
export const suspendCases: readonly Symptom[] = [
  {
    name: 'nvme-dead-after-host-suspend',
    title: 'The disk of a PV guest times out after the host slept',
    source: 'facts/dom0 Appendix C 23; QubesOS #6411; docs/models/toolstack.md, Suspend',
    shows:
      "Header and messages of the disk come back: Linux saves what the guest had set, and asks Xen for the MSI-X that pciback has on. The disk's own registers and queues are gone, and neither Xen nor pciback nor XenStore tells the guest.",
    expects: ['PV-008'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, GUEST, [nvme]);
      yield* request(machine, GUEST, pciCommands.conf_write, { offset: 4, size: 2, value: 6 });
      yield* request(machine, GUEST, pciCommands.enable_msix, { value: 2 });
      yield* sleep();
      yield* request(machine, GUEST, pciCommands.conf_read, { offset: 4, size: 2 });
    },
  },
  {
    name: 'no-interrupts-after-host-suspend',
    title: 'The network card of an HVM guest gets no interrupts after the host slept',
    source: 'facts/dom0 Appendix C 23, 11.2; QubesOS #6411; docs/models/toolstack.md, Suspend',
    shows:
      'The MSI of an HVM guest is a matter between QEMU and Xen. Linux of Dom0 does not know that it is on, so it does not ask Xen to write it again: the card wakes with MSI off.',
    expects: ['PV-008'],
    devices: [e1000e],
    *story(machine) {
      yield* boot([e1000e]);
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* guest(GUEST, 'hvm', 'guest1');
      yield* run(machine, 'create', GUEST, e1000e.name);
      yield* settle(machine);
      yield* setpci(e1000e, 4, 2, 0x406);
      yield* messagesByQemu(e1000e);
      yield* sleep();
    },
  },
  {
    name: 'detach-before-host-suspend',
    title: 'A network card detached before the host sleeps works after it',
    source: 'facts/dom0 8.8; docs/models/toolstack.md, Suspend',
    shows:
      'The way out: detach, sleep, attach. The guest lets go of the card in time and sets it up anew; nothing of it is lost.',
    devices: [e1000e],
    *story(machine) {
      const model = willing();
      yield* boot([e1000e]);
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* guest(GUEST, 'hvm', 'guest1');
      yield* run(machine, 'create', GUEST, e1000e.name, {}, model);
      yield* settle(machine);
      yield* run(machine, 'detach', GUEST, e1000e.name, {}, model);
      yield* settle(machine);
      yield* sleep();
      yield* run(machine, 'attach', GUEST, e1000e.name, {}, model);
      yield* settle(machine);
    },
  },
];

/** `echo mem > /sys/power/state`, and an hour later somebody opens the lid. */
function* sleep(): Part {
  yield { kind: 'host.slept', by: 'd0', data: { state: 3 } };
  yield { sleepNs: 3_600_000_000_000 };
  yield { kind: 'host.woke', by: 'hw', data: {} };
}

/** QEMU maps the message of a card for its guest and switches MSI on, as xen_pt does when the guest does. */
function* messagesByQemu(one: Wired): Part {
  const device = packed(one);
  yield {
    kind: 'hypercall.issued',
    by: 'dm:qemu',
    data: {
      domid: 0 as DomainId,
      hypercall: 'physdev_op',
      op: 'map_pirq',
      args: {
        domid: GUEST,
        type: 0,
        index: -1,
        pirq: -1,
        bus: busOf(device),
        devfn: devfnOf(device),
        entry_nr: 0,
        table_base: 0,
      },
    },
  };
  yield* setpci(one, 0xd2, 2, 0x0081);
}
