import type { DomainId } from '../../base/brand.js';
import type { MachineView } from '../../machine/program.js';
import { pciCommands } from '../../models/linux/pciif/page.js';
import { type Dom0Sbdf, parseSbdf } from '../../pci/sbdf.js';
import { emptyPlatform } from '../../platform/platform.js';
import type { Scenario } from '../scenario.js';
import {
  e1000e,
  e1000eOfSegment1,
  e1000eWithRom,
  graphics,
  highNvme,
  machineWith,
  nvme,
  packed,
  pciBridge,
  rtl8139,
  sound,
  type Wired,
} from './functions.js';
import {
  boot,
  connect,
  connectedGuest,
  type DeviceModelAnswer,
  destroy,
  echo,
  finish,
  guest,
  type Part,
  request,
  run,
  setpci,
  settle,
  shutDown,
  start,
  submit,
  unwilling,
  willing,
} from './parts.js';

const dom0 = 0 as DomainId;
const PCIBACK = '/sys/bus/pci/drivers/pciback';

interface Symptom {
  readonly name: string;
  readonly title: string;
  /** Row of facts/dom0 Appendix C, or another section. */
  readonly source: string;
  readonly shows: string;
  readonly expects?: readonly string[];
  readonly devices: readonly Wired[];
  readonly policies?: NonNullable<Scenario['policies']>;
  readonly switches?: NonNullable<Scenario['switches']>;
  story(machine: MachineView): Part;
}

const release417 = { xen: '4.17', linux: '6.1.192' } as const;

/** Each case is named after what a user would search for. @source facts/dom0 Appendix C */
const symptoms: readonly Symptom[] = [
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
    name: 'virtual-function-without-its-pf',
    title: 'Attempted to add SR-IOV VF without PF',
    source: 'facts/dom0 Appendix C 4',
    shows:
      'Xen refuses a virtual function whose physical function it does not know; Linux goes on without it.',
    devices: [nvme],
    *story() {
      yield* boot([nvme]);
      yield {
        kind: 'hypercall.issued',
        by: 'd0',
        data: {
          domid: dom0,
          hypercall: 'physdev_op',
          op: 'pci_device_add',
          args: { seg: 0, bus: 8, devfn: 1, flags: 2, physfn: { bus: 8, devfn: 0 } },
        },
      };
    },
  },
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
    name: 'no-reset-method',
    title: "The kernel doesn't support reset from sysfs for PCI device",
    source: 'facts/dom0 Appendix C 8, 11.1',
    shows:
      'A graphics card with its sound function: no FLR, no soft reset, not alone on the bus. The next guest gets it as the last one left it.',
    expects: ['ASG-006', 'ASG-005', 'ASG-001'],
    devices: [graphics, sound],
    *story(machine) {
      yield* boot([graphics, sound]);
      yield* run(machine, 'assignable-add', null, graphics.name);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, graphics.name);
      yield* settle(machine);
      yield* destroy(machine, 1);
      yield* guest(2, 'hvm', 'guest2');
      yield* run(machine, 'create', 2, graphics.name);
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
    name: 'malformed-hide',
    title: 'Error parsing pci_devs_to_hide at "(0b::00.1)"',
    source: 'facts/dom0 Appendix C 13, 4.2',
    shows:
      'One bad group and pciback does not come up at all: nothing is hidden, the host driver keeps the device.',
    devices: [nvme, e1000e],
    *story(machine) {
      yield* boot([nvme, e1000e], { hide: '(01:00.0)(0b::00.1)', drivers: true });
      yield* run(machine, 'assignable-add', null, nvme.name);
    },
  },
  {
    name: 'hidden-bridge-hides-its-subtree',
    title: 'hide= of a bridge takes everything below it',
    source: 'facts/dom0 Appendix C 13, 4.4',
    shows: 'pciback seizes a device when a bridge above it is listed.',
    devices: [pciBridge, rtl8139],
    *story(machine) {
      yield* boot([pciBridge, rtl8139], { hide: '(00:04.0)' });
      yield* run(machine, 'assignable-list', null, '');
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
    name: 'pciback-bind-fails-38',
    title: "Couldn't bind device to pciback! (-38)",
    source: 'facts/dom0 Appendix C 20, 4.4',
    shows:
      'A PVH Dom0 with Linux 6.12 tells Xen of its reset; a Xen before 4.20 does not know the operation, and the old driver stays off.',
    expects: ['ASG-007'],
    devices: [nvme],
    switches: { xen: '4.19', linux: '6.12.117' },
    *story(machine) {
      yield* boot([nvme], { dom0: 'pvh', drivers: true });
      yield* run(machine, 'assignable-add', null, nvme.name);
    },
  },
  {
    name: 'permission-survives-detach',
    title: 'XSA-476: a 64-bit BAR stays accessible after detach',
    source: 'facts/dom0 Appendix C 21, 8.8',
    shows:
      'The revoke cut addresses to 32 bits: frames above 4 GiB stay granted to the guest that lost the device.',
    expects: ['ASG-002'],
    devices: [highNvme],
    switches: { xen: '4.20' },
    *story(machine) {
      yield* boot([highNvme]);
      yield* run(machine, 'assignable-add', null, highNvme.name);
      yield* connectedGuest(machine, 1, [highNvme]);
      yield* run(machine, 'detach', 1, highNvme.name);
    },
  },
  {
    name: 'not-assignable-after-toolstack-crash',
    title: 'PCI device 0:1:0.0 is not assignable',
    source: 'facts/dom0 Appendix C 22, 8.2',
    shows:
      'xl died between its claim and the end: the domid key stays, the device is free and cannot be had.',
    expects: ['ASG-009'],
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* guest(1, 'pv', 'guest1');
      const job = yield* start(machine, 'create', 1, nvme.name);
      while (machine.state.toolstack.jobs[job]?.next !== 'reset') {
        yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
      }
      yield { kind: 'toolstack.killed', by: 'toolstack', data: { job } };
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: 1 as DomainId } };
      yield* guest(2, 'pv', 'guest2');
      yield* run(machine, 'create', 2, nvme.name);
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
  {
    name: 'driver-not-restored',
    title: 'A device given back has no driver',
    source: 'facts/dom0 8.4',
    shows:
      'pci-assignable-remove without -r leaves the device without driver though its driver is remembered.',
    expects: ['ASG-007'],
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme], { drivers: true });
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* run(machine, 'assignable-remove', null, nvme.name);
    },
  },
  {
    name: 'device-behind-a-bridge-not-alone',
    title: 'Part of an IOMMU group goes to a guest',
    source: 'facts/dom0 10.2, 10.5',
    shows:
      'Two cards behind one PCIe-to-PCI bridge send with one id; giving away one gives away both, and libxl does not look.',
    expects: ['ASG-011', 'ASG-005'],
    devices: [pciBridge, rtl8139, { ...rtl8139, name: '0000:07:02.0' }],
    *story(machine) {
      const second = secondCard;
      yield* boot([pciBridge, rtl8139, second]);
      yield* run(machine, 'assignable-add', null, rtl8139.name);
      yield* guest(1, 'hvm', 'guest1');
      yield* run(machine, 'create', 1, rtl8139.name);
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
    name: 'killed-between-assign-and-store',
    title: 'The guest has a device that xl does not know of',
    source: 'facts/dom0 8.5, 8.6',
    shows:
      'xl died after Xen had assigned the device and before XenStore had its keys: the list of the domain is empty, the device is in use.',
    expects: ['ASG-009'],
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* guest(1, 'pv', 'guest1');
      const job = yield* start(machine, 'create', 1, nvme.name);
      while (machine.state.toolstack.jobs[job]?.next !== 'wait-backend') {
        yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
      }
      yield { kind: 'toolstack.killed', by: 'toolstack', data: { job } };
      yield* guest(2, 'pv', 'guest2');
      const second = yield* start(machine, 'create', 2, nvme.name);
      yield* finish(machine, second);
    },
  },
  {
    name: 'hardware-in-another-domain',
    title: "Couldn't lstat /sys/bus/pci/devices/…: No such file or directory",
    source: 'facts/dom0 12.3, thread of 2020',
    shows:
      'libxl reads the files of its own domain; where a driver domain has the hardware, they are not there.',
    devices: [nvme],
    policies: { 'hardware-domain': 'domd' },
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
    },
  },
  {
    name: 'request-channel-to-the-hardware-domain',
    title: 'xc_domain_iomem_permission 0xfde00000/0x4000 (error -1)',
    source: 'facts/dom0 12.3, thread of 2020',
    shows:
      'A channel carries the files of the driver domain to libxl, and the device becomes assignable; but the domain of the toolstack cannot grant frames it may not use itself.',
    devices: [nvme],
    policies: { 'hardware-domain': 'domd' },
    *story(machine) {
      yield* bootDriverDomain([nvme]);
      yield { kind: 'channel.opened', by: 'd1', data: { server: 1 as DomainId } };
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* guest(2, 'pv', 'guest2');
      yield* run(machine, 'create', 2, nvme.name);
      yield* settle(machine);
    },
  },
  {
    name: 'request-channel-breaks',
    title: "Couldn't bind device to pciback! (broken pipe)",
    source: 'facts/dom0 12.3, thread of 2020',
    shows:
      'The hardware domain ends in the middle of a command: the driver is off, nothing holds the device, and nobody is left to ask.',
    expects: ['ASG-007'],
    devices: [nvme],
    policies: { 'hardware-domain': 'domd' },
    *story(machine) {
      yield* bootDriverDomain([nvme]);
      yield { kind: 'channel.opened', by: 'd1', data: { server: 1 as DomainId } };
      const job = yield* start(machine, 'assignable-add', null, nvme.name);
      while (machine.state.toolstack.jobs[job]?.next !== 'bind') {
        yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
      }
      yield { kind: 'channel.closed', by: 'd1', data: { reason: 'the server was stopped' } };
      yield* finish(machine, job);
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
];

/** Domain 0 is the toolstack, domain 1 has the hardware. */
function* bootDriverDomain(devices: readonly Wired[]): Part {
  for (const [domid, privileged] of [
    [0, true],
    [1, false],
  ] as const) {
    yield {
      kind: 'domain.created',
      by: 'xen',
      data: {
        domid: domid as DomainId,
        type: 'pv',
        // The hardware domain tells Xen of its devices itself.
        privileged: true,
        hardware: !privileged,
        target: null,
        name: privileged ? 'Domain-0' : 'DomD',
      },
    };
  }
  yield { kind: 'xen.booted', by: 'xen', data: { domid: 1 as DomainId } };
  for (const one of devices) {
    yield {
      kind: 'linux.enumerated',
      by: 'd1',
      data: {
        sbdf: packed(one),
        function: one.described.function,
        gsi: one.gsi,
        driver: one.driver,
        enabled: true,
        physfn: null,
      },
    };
  }
  yield {
    kind: 'pciback.loaded',
    by: 'd1',
    data: { hide: '', passthrough: false, permissive: false, pvSupport: true },
  };
}

const secondCard: Wired = {
  ...rtl8139,
  name: '0000:07:02.0',
  described: {
    ...rtl8139.described,
    name: '0000:07:02.0',
    function: (parseSbdf<Dom0Sbdf>('0000:07:02.0')! & 0xffff) as typeof rtl8139.described.function,
  },
};

const toScenario = ({ devices, story, expects, ...rest }: Symptom): Scenario => ({
  ...rest,
  expects: expects ?? [],
  takesPlatform: false,
  platform: () => machineWith(devices.map((one) => (one.name === secondCard.name ? secondCard : one))),
  programs: () => ({ administrator: story }),
});

/** Arm without passthrough: every add is refused. @source facts/dom0 Appendix C 3 */
const armAddRefused: Scenario = {
  name: 'failed-to-add-passthrough-or-msi',
  title: 'Failed to add - passthrough or MSI/MSI-X might fail!',
  source: 'facts/dom0 Appendix C 3, recording arm64-gicv2',
  shows:
    'Xen on ARM without passthrough and IOMMU refuses every device with EOPNOTSUPP; Linux logs a line each and goes on.',
  expects: ['SEG-002'],
  policies: { iommu: 'off', 'pci-passthrough': 'off' },
  takesPlatform: false,
  platform: () => ({
    ...emptyPlatform,
    name: 'arm',
    arch: 'arm64',
    bridges: machineWith([nvme]).bridges.map((one) => ({
      ...one,
      access: 'ecam',
      compatible: ['pci-host-ecam-generic'],
    })),
    functions: [nvme.described, e1000e.described],
  }),
  programs: () => ({
    *linux() {
      yield {
        kind: 'domain.created',
        by: 'xen',
        data: { domid: dom0, type: 'arm', privileged: true, hardware: true, target: null, name: 'Domain-0' },
      };
      for (const one of [nvme, e1000e]) {
        yield {
          kind: 'linux.enumerated',
          by: 'd0',
          data: {
            sbdf: packed(one),
            function: one.described.function,
            gsi: 0,
            driver: null,
            enabled: false,
            physfn: null,
          },
        };
      }
    },
  }),
};

/** Cases of PV passthrough and the toolstack. */
export const toolstackScenarios: readonly Scenario[] = [...symptoms.map(toScenario), armAddRefused];
