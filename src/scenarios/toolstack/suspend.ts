import type { DomainId } from '../../base/brand.js';
import type { MachineView } from '../../machine/program.js';
import { pciCommands } from '../../models/linux/pciif/page.js';
import { busOf, devfnOf } from '../../pci/sbdf.js';
import { e1000e, nvme, packed, type Wired } from './functions.js';
import {
  boot,
  connectedGuest,
  type DeviceModelAnswer,
  destroy,
  guest,
  type Part,
  request,
  run,
  setpci,
  settle,
  submit,
  unwilling,
  willing,
} from './parts.js';
import { release417, type Symptom } from './symptom.js';

const GUEST = 1;
const RESTORED = 2;

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
      yield* cardInHvmGuest(machine, willing());
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
      yield* cardInHvmGuest(machine, model);
      yield* run(machine, 'detach', GUEST, e1000e.name, {}, model);
      yield* settle(machine);
      yield* sleep();
      yield* run(machine, 'attach', GUEST, e1000e.name, {}, model);
      yield* settle(machine);
    },
  },
  {
    name: 'migration-did-not-respond-to-suspend',
    title: 'saving domain: domain did not respond to suspend request: Invalid argument',
    source: 'docs/models/toolstack.md, Suspend; paging_log_dirty_enable of Xen',
    shows:
      'A live migration of a guest with a device: Xen refuses to log its writes, and libxl says that the guest did not respond, which it never asked. After a detach Xen logs and the guest is asked.',
    expects: ['PV-009'],
    devices: [e1000e],
    *story(machine) {
      const model = willing();
      yield* cardInHvmGuest(machine, model);
      yield* run(machine, 'migrate', GUEST, '', {}, model);
      yield* run(machine, 'detach', GUEST, e1000e.name, {}, model);
      yield* settle(machine);
      yield* run(machine, 'migrate', GUEST, '', {}, model);
    },
  },
  {
    name: 'pciback-not-responding-after-restore',
    title: 'pciback not responding!!! after xl restore',
    source: 'docs/models/toolstack.md, Suspend; xenbus_dev_resume, pcifront of Linux',
    shows:
      'xl saves a PV guest with its disk without a word, and waits ten seconds for the guest that stands still when it takes the disk away. pcifront has no resume: in the restored guest it offers the new backend nothing, the backend waits at InitWait, and every register access of the guest runs into two seconds.',
    expects: ['PV-009', 'PV-003', 'PV-002'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, GUEST, [nvme]);
      const { roots, devices } = machine.state.pcifront[GUEST] ?? { roots: [], devices: [] };
      const remembered = { roots: roots.join(' '), devices: devices.join(' ') };
      yield* run(machine, 'save', GUEST, '');
      yield* destroy(machine, GUEST);
      yield* guest(RESTORED, 'pv', 'guest1');
      yield* run(machine, 'create', RESTORED, nvme.name);
      yield* settle(machine);
      const domid = RESTORED as DomainId;
      yield { kind: 'guest.resumed', by: `d${domid}`, data: { domid, ...remembered } };
      yield* settle(machine);
      yield* submit(RESTORED, pciCommands.conf_read);
      yield { sleepNs: 2_000_000_000 };
      yield { kind: 'pciif.expired', by: `d${domid}`, data: { domid } };
    },
  },
  {
    name: 'hvm-image-without-its-card',
    title: 'xl save of an HVM guest with a network card succeeds',
    source: 'docs/models/toolstack.md, Suspend; xen_pci_passthrough_class_init of QEMU',
    shows:
      'QEMU saves the state of its devices and has none of a passed-through one to save; nobody refuses. The guest stands still, so xl waits ten seconds for it to let go of the card and takes it with force. The card is a new device to the guest that is restored.',
    expects: ['PV-009', 'IRQ-005'],
    devices: [e1000e],
    *story(machine) {
      const model = willing();
      yield* cardInHvmGuest(machine, model);
      yield* run(machine, 'save', GUEST, '', {}, model);
      yield* destroy(machine, GUEST, unwilling);
      yield* guest(RESTORED, 'hvm', 'guest1');
      yield* run(machine, 'create', RESTORED, e1000e.name, {}, willing());
    },
  },
];

/** An HVM guest with the network card, its device model up. */
function* cardInHvmGuest(machine: MachineView, model: DeviceModelAnswer): Part {
  yield* boot([e1000e]);
  yield* run(machine, 'assignable-add', null, e1000e.name);
  yield* guest(GUEST, 'hvm', 'guest1');
  yield* run(machine, 'create', GUEST, e1000e.name, {}, model);
  yield* settle(machine);
}

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
