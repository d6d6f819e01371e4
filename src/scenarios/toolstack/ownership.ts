import type { DomainId } from '../../base/brand.js';
import {
  e1000e,
  graphics,
  highNvme,
  nvme,
  packed,
  pciBridge,
  rtl8139,
  sound,
  type Wired,
} from './functions.js';
import {
  boot,
  connectedGuest,
  destroy,
  finish,
  guest,
  type Part,
  run,
  settle,
  start,
  upTo,
} from './parts.js';
import { type Symptom, secondCard } from './symptom.js';

const dom0 = 0 as DomainId;
/** Who stores what is assignable, who holds the hardware, and what is left after a failure. Each case is named after what a user would search for. @source facts/dom0 Appendix C */
export const ownership: readonly Symptom[] = [
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
      'The revoke cut addresses to 32 bits: frames above 4 GiB stay granted to the guest that lost the device. Mended in 4.17.6, 4.18.6, 4.19.4, 4.20.2 and 4.21.0.',
    expects: ['ASG-002'],
    devices: [highNvme],
    switches: { xen: '4.20.1' },
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
      // A command that has failed before is no longer there to be killed.
      if (yield* upTo(machine, job, 'reset'))
        yield { kind: 'toolstack.killed', by: 'toolstack', data: { job } };
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: 1 as DomainId } };
      yield* guest(2, 'pv', 'guest2');
      yield* run(machine, 'create', 2, nvme.name);
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
    expects: ['IOM-008', 'ASG-011', 'ASG-013', 'ASG-005'],
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
      // A command that has failed before is no longer there to be killed.
      if (yield* upTo(machine, job, 'wait-backend'))
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
    expects: ['ASG-010'],
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
      yield* upTo(machine, job, 'bind');
      yield { kind: 'channel.closed', by: 'd1', data: { reason: 'the server was stopped' } };
      yield* finish(machine, job);
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
