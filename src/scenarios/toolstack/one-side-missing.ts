import { e1000e, nvme, pciBridge, rtl8139 } from './functions.js';
import { boot, connectedGuest, destroy, echo, guest, run, settle } from './parts.js';
import { release417, type Symptom } from './symptom.js';

const PCIBACK = '/sys/bus/pci/drivers/pciback';

/** One end of the PV protocol is not there, or was set up by hand. Each case is named after what a user would search for. @source facts/dom0 4 to 8 */
export const oneSideMissing: readonly Symptom[] = [
  {
    name: 'pciback-not-loaded',
    title: 'Looks like pciback driver is not loaded',
    source: 'facts/dom0 8.2, 8.3 step 3',
    shows:
      'A Dom0 whose kernel has no pciback: nothing can be made assignable, the host driver keeps the device, and a guest that asks for it is not built.',
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme], { drivers: true, hide: null });
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* run(machine, 'assignable-list', null, '');
      yield* guest(1, 'pv', 'guest1');
      yield* run(machine, 'create', 1, nvme.name);
    },
  },
  {
    name: 'guest-without-pcifront',
    title: 'A passed-through device never shows up in a PV guest; its backend stays at state 3',
    source: 'facts/dom0 4.7, 8.6',
    shows:
      'A PV guest whose kernel has no pcifront: xl is content, the backend waits at state 3 for ever, Xen has given the device away and nobody uses it. At the end each device costs ten seconds.',
    expects: ['PV-003'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* guest(1, 'pv', 'guest1');
      yield* run(machine, 'create', 1, nvme.name);
      yield* settle(machine);
      yield* destroy(machine, 1);
    },
  },
  {
    name: 'passthrough-not-supported',
    title: 'passthrough not supported on this platform',
    source: 'facts/dom0 8.5 (domain creation gate), 8.9',
    shows:
      'Without an IOMMU nothing can be quarantined and no guest with devices is built, PV or not: since 4.13 libxl checks before it creates anything.',
    devices: [nvme],
    policies: { iommu: 'off' },
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* run(machine, 'create', 1, nvme.name, { type: 'pv' });
      yield* run(machine, 'create', 1, nvme.name, { type: 'hvm' });
    },
  },
  {
    name: 'passthrough-with-pod',
    title: 'IOMMU required for device passthrough but not supported together with PoD',
    source: 'facts/dom0 8.5 (domain creation gate)',
    shows:
      'An HVM guest with memory below maxmem populates on demand, and a device cannot fault pages in; a PV guest balloons and may have the device.',
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* run(machine, 'create', 1, nvme.name, { type: 'hvm', memory: 512, maxmem: 1024 });
      yield* run(machine, 'create', 1, nvme.name, { type: 'pvh' });
      yield* run(machine, 'create', 1, nvme.name, { type: 'hvm', passthrough: 'disabled' });
      yield* guest(1, 'pv', 'guest1');
      yield* run(machine, 'create', 1, nvme.name, { type: 'pv', memory: 512, maxmem: 1024 });
    },
  },
  {
    name: 'bound-by-hand',
    title: "Couldn't find path for original driver; not rebinding",
    source: 'facts/dom0 4.3, 8.3 step 5, 8.4',
    shows:
      'Late binding with echo instead of xl: the device is assignable, but nobody wrote its driver down and nobody quarantined it. Giving it back fails at the quarantine, and after xl has taken it over the old driver is still unknown.',
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme], { drivers: true });
      yield* echo(nvme.name, '/sys/bus/pci/drivers/nvme/unbind');
      yield* echo(nvme.name, `${PCIBACK}/new_slot`);
      yield* echo(nvme.name, `${PCIBACK}/bind`);
      yield* run(machine, 'assignable-list', null, '');
      yield* run(machine, 'assignable-remove', null, nvme.name, { rebind: true });
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* run(machine, 'assignable-remove', null, nvme.name, { rebind: true });
    },
  },
  {
    name: 'guest-sees-real-addresses',
    title: 'xen_pciback: backend is passthrough',
    source: 'facts/dom0 4.5',
    shows:
      'With `passthrough=1` the guest sees machine addresses: each bus without an exported bridge above it is published as a root, the one behind an exported bridge is not.',
    devices: [e1000e, pciBridge, rtl8139],
    switches: release417,
    *story(machine) {
      const all = [e1000e, pciBridge, rtl8139];
      yield* boot(all, { passthrough: true });
      for (const one of all) yield* run(machine, 'assignable-add', null, one.name);
      yield* connectedGuest(machine, 1, all);
    },
  },
];
