import type { DomainId } from '../../base/brand.js';
import { pciCommands } from '../../models/linux/pciif/page.js';
import { e1000e, nvme, packed } from './functions.js';
import {
  boot,
  connect,
  connectedGuest,
  guest,
  request,
  run,
  setpci,
  settle,
  shutDown,
  submit,
} from './parts.js';
import { release417, type Symptom } from './symptom.js';

/** What pciback and pcifront say to each other, and what is lost when they do not. Each case is named after what a user would search for. @source facts/dom0 Appendix C */
export const pvProtocol: readonly Symptom[] = [
  {
    name: 'pcifront-msix-memory-decode-off',
    title: 'enable msix get err fffffffa',
    source: 'facts/dom0 Appendix C 6, 7',
    shows: 'pciback refuses MSI-X while memory decoding is off, and leaks the errno through the page.',
    expects: ['PV-001'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* setpci(nvme, 4, 2, 0);
      yield* connectedGuest(machine, 1, [nvme]);
      yield* setpci(nvme, 4, 2, 0);
      yield* request(machine, 1, pciCommands.enable_msix, { value: 4 });
    },
  },
  {
    name: 'nvme-queues-exhaust-guest-pirqs',
    title: 'xen map irq failed -28',
    source: 'facts/dom0 Appendix C 7',
    shows: 'A guest has 32 pirqs above the GSIs; a disk with one queue per CPU wants more.',
    expects: ['IRQ-003', 'PV-001'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, 1, [nvme]);
      yield* request(machine, 1, pciCommands.conf_write, { offset: 4, size: 2, value: 2 });
      yield* request(machine, 1, pciCommands.enable_msix, { value: 65 });
    },
  },
  {
    name: 'pciback-not-responding',
    title: 'pciback not responding!!! … Xen PCI frontend error: -114!',
    source: 'recording s1-pv1, facts/dom0 6',
    shows: 'Two seconds pass before MSI-X is on; the guest asks again and is told that it is on already.',
    expects: ['PV-002', 'PV-001'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, 1, [nvme]);
      yield* request(machine, 1, pciCommands.conf_write, { offset: 4, size: 2, value: 6 });
      const domid = 1 as DomainId;
      yield* submit(1, pciCommands.enable_msix, { value: 1 });
      yield { kind: 'pciif.taken', by: 'd0', data: { domid } };
      yield { kind: 'pciif.expired', by: 'd1', data: { domid } };
      yield { kind: 'pciif.served', by: 'd0', data: { domid } };
      yield* request(machine, 1, pciCommands.enable_msix, { value: 1 });
    },
  },
  {
    name: 'aer-on-an-hvm-device',
    title: 'aerState = aerfail and nobody reacts',
    source: 'facts/dom0 Appendix C 19, 6',
    shows: 'Without a frontend pciback declares the device dead in XenStore; no tool watches that key.',
    expects: ['PV-005'],
    devices: [e1000e],
    *story(machine) {
      yield* boot([e1000e]);
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, e1000e.name);
      yield* settle(machine);
      yield { kind: 'aer.reported', by: 'hw', data: { sbdf: packed(e1000e), cmd: 6 } };
    },
  },
  {
    name: 'frontend-speaks-another-protocol',
    title: 'version mismatch (6/7) with pcifront - halting',
    source: 'facts/dom0 4.7 step 5',
    shows: 'Another magic ends the connection before the page is mapped; requests find nobody.',
    expects: ['PV-006', 'PV-001'],
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* guest(1, 'pv', 'guest1');
      yield* run(machine, 'create', 1, nvme.name);
      yield* settle(machine);
      yield* connect(machine, 1, '6');
      yield* request(machine, 1, pciCommands.conf_read);
    },
  },
  {
    name: 'bind-time-state-comes-back',
    title: 'Registers set after the bind are lost when a guest ends',
    source: 'facts/dom0 Appendix C 23, 11.3',
    shows:
      'pciback restores the copy it took at bind time at every release; what Dom0 changed since is gone.',
    expects: ['PV-003'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* setpci(nvme, 0x0c, 1, 0x08);
      yield* connectedGuest(machine, 1, [nvme]);
      yield* shutDown(machine, 1);
    },
  },
];
