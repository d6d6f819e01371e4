import type { DomainId } from '../../base/brand.js';
import { pciCommands } from '../../models/linux/pciif/page.js';
import { e1000e, e1000eOfSegment1, e1000eWithRom, graphics, nvme, sound } from './functions.js';
import {
  boot,
  connectedGuest,
  type DeviceModelAnswer,
  destroy,
  echo,
  guest,
  request,
  run,
  settle,
  shutDown,
  unwilling,
  willing,
} from './parts.js';
import { release417, type Symptom } from './symptom.js';

const PCIBACK = '/sys/bus/pci/drivers/pciback';

/** Devices that go to a guest and come back, and what goes wrong on the way. Each case is named after what a user would search for. @source facts/dom0 Appendix C */
export const lifeCycles: readonly Symptom[] = [
  {
    name: 'pv-passthrough-life-cycle',
    title: 'A disk goes to a PV guest and comes back',
    source: 'facts/dom0 4.7, 8.3 to 8.8',
    shows:
      'Assignable, attached, connected, used, detached, given back to its driver: the order of every step.',
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme], { drivers: true });
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, 1, [nvme]);
      yield* request(machine, 1, pciCommands.conf_read);
      yield* request(machine, 1, pciCommands.conf_write, { offset: 4, size: 2, value: 6 });
      yield* request(machine, 1, pciCommands.enable_msix, { value: 2 });
      yield* request(machine, 1, pciCommands.disable_msix);
      yield* run(machine, 'detach', 1, nvme.name);
      yield* settle(machine);
      yield* run(machine, 'assignable-remove', null, nvme.name, { rebind: true });
    },
  },
  {
    name: 'hvm-passthrough-life-cycle',
    title: 'A network card goes to an HVM guest and comes back',
    source: 'facts/dom0 Appendix B',
    shows: 'The order of a successful attach; QEMU touches the device before Xen has assigned it.',
    devices: [e1000e],
    *story(machine) {
      yield* boot([e1000e], { drivers: true });
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, e1000e.name);
      yield* settle(machine);
      yield* destroy(machine, 1);
      yield* run(machine, 'assignable-remove', null, e1000e.name, { rebind: true });
    },
  },
  {
    name: 'split-drivers-instead',
    title: 'The same disk and card without passthrough',
    source: 'thread of 2008: how does PV passthrough work',
    shows:
      'Every request passes the hardware domain: its driver takes the interrupt, its backend maps or copies the pages of the guest.',
    devices: [nvme, e1000e],
    *story() {
      yield* boot([nvme, e1000e], { drivers: true });
      yield* guest(1, 'pv', 'guest1');
      for (const [device, dir] of [
        ['vbd', 'read'],
        ['vbd', 'write'],
        ['vif', 'write'],
      ] as const) {
        yield {
          kind: 'split.requested',
          by: 'd1',
          data: { domid: 1 as DomainId, device, dir, sizeBytes: 65_536 },
        };
      }
    },
  },
  {
    name: 'all-functions-attach-gives-one',
    title: 'pci=[ "02:00.*@5" ] attaches one function',
    source: 'facts/dom0 Appendix C 17, 8.5 step 9',
    shows: 'Since 4.13 the loop over functions ends after the highest one; the others stay behind.',
    expects: ['ASG-006', 'ASG-005'],
    devices: [graphics, sound],
    *story(machine) {
      yield* boot([graphics, sound]);
      for (const one of [graphics, sound]) yield* run(machine, 'assignable-add', null, one.name);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, '02:00.*@5');
    },
  },
  {
    name: 'second-hvm-device-never-exported',
    title: 'A second device hot-plugged into an HVM guest stays at state 1',
    source: 'facts/dom0 Appendix C 16, 4.7',
    shows:
      'libxl sets the backend to Reconfiguring, and an HVM guest has nobody to answer: pciback never exports it.',
    expects: ['PV-004'],
    devices: [e1000e, nvme],
    *story(machine) {
      yield* boot([e1000e, nvme]);
      for (const one of [e1000e, nvme]) yield* run(machine, 'assignable-add', null, one.name);
      yield* guest(1, 'hvm', 'guest1');
      const model = willing();
      yield* run(machine, 'create', 1, e1000e.name, {}, model);
      yield* settle(machine);
      yield* run(machine, 'attach', 1, nvme.name, {}, model);
      yield* settle(machine);
    },
  },
  {
    name: 'device-del-ignored',
    title: 'timed out waiting for DM to remove pci-pt-04_00.0',
    source: 'facts/dom0 Appendix C 15, recording s1-hvm2',
    shows:
      'The guest does not let go: a detach ends with nothing revoked, the end of the domain takes it with force.',
    expects: ['IRQ-005'],
    devices: [e1000e],
    *story(machine) {
      yield* boot([e1000e]);
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, e1000e.name);
      yield* settle(machine);
      yield* run(machine, 'detach', 1, e1000e.name, {}, unwilling);
      yield* destroy(machine, 1, unwilling);
    },
  },
  {
    name: 'backend-not-ready-at-shutdown',
    title: 'Backend /local/domain/0/backend/pci/1/0 not ready',
    source: 'facts/dom0 Appendix C 11, recording s1-pv1',
    shows:
      'A PV guest has closed its frontend before xl detaches: ten seconds per device, and the backend keys stay.',
    expects: ['PV-003'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, 1, [nvme]);
      yield* shutDown(machine, 1);
    },
  },
  {
    name: 'unmap-pirq-invalid-argument',
    title: 'xc_physdev_unmap_pirq irq=23: Invalid argument',
    source: 'facts/dom0 Appendix C 12',
    shows: 'QEMU unmapped the interrupt before libxl does; the message is harmless.',
    devices: [e1000e],
    *story(machine) {
      yield* boot([e1000e]);
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, e1000e.name);
      yield* settle(machine);
      yield* run(machine, 'detach', 1, e1000e.name);
    },
  },
  {
    name: 'enabled-rom-breaks-attach',
    title: 'xc_domain_ioport_permission 0xfd800000/0x40000',
    source: 'facts/dom0 Appendix C 14, 8.5 step 11',
    shows:
      'The enable bit of an expansion ROM reads like an I/O port in `resource`; the permission call is the wrong one.',
    devices: [e1000eWithRom],
    *story(machine) {
      yield* boot([e1000eWithRom]);
      yield* run(machine, 'assignable-add', null, e1000eWithRom.name);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, e1000eWithRom.name);
    },
  },
  {
    name: 'qemu-id-without-segment',
    title: "Duplicate ID 'pci-pt-04_00.0' for device",
    source: 'facts/dom0 Appendix C 18, 8.5 step 10',
    shows: 'Two devices with one BDF in two segments: the id QEMU is given has no segment.',
    devices: [e1000e, e1000eOfSegment1],
    *story(machine) {
      const both = [e1000e, e1000eOfSegment1];
      yield* boot(both);
      for (const one of both) yield* run(machine, 'assignable-add', null, one.name);
      yield* guest(1, 'hvm', 'guest1');
      const model = willing();
      yield* run(machine, 'create', 1, e1000e.name, {}, model);
      yield* settle(machine);
      const duplicate: DeviceModelAnswer = () => ({
        ok: false,
        reply: "Duplicate ID 'pci-pt-04_00.0' for device",
      });
      yield* run(machine, 'attach', 1, e1000eOfSegment1.name, {}, duplicate);
    },
  },
  {
    name: 'device-model-cannot-open-config',
    title: 'Could not open /sys/bus/pci/devices/…/config',
    source: 'facts/dom0 Appendix C 9',
    shows: 'The device model refuses device_add; libxl takes its claim back and nothing is granted.',
    devices: [e1000e],
    *story(machine) {
      yield* boot([e1000e]);
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* guest(1, 'hvm', 'guest1');
      const refusal: DeviceModelAnswer = () => ({
        ok: false,
        reply: `Could not open '/sys/bus/pci/devices/${e1000e.name}/config': No such file or directory`,
      });
      yield* run(machine, 'create', 1, e1000e.name, {}, refusal);
    },
  },
  {
    name: 'permissive-in-pciback-only',
    title: 'permissive is set and QEMU still restricts',
    source: 'facts/dom0 Appendix C 10',
    shows:
      'There are two switches: the one in sysfs says nothing to QEMU, the one in the configuration sets both.',
    expects: ['ASG-008'],
    devices: [e1000e],
    *story(machine) {
      yield* boot([e1000e]);
      yield* run(machine, 'assignable-add', null, e1000e.name);
      yield* echo(e1000e.name, `${PCIBACK}/permissive`);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, e1000e.name);
    },
  },
];
