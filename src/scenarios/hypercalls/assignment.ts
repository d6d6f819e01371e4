import type { Scenario } from '../scenario.js';
import {
  armWithoutSmmu,
  assign,
  BAR,
  call,
  cards,
  created,
  deassign,
  deviceArgs,
  dom0,
  domctl,
  domIo,
  functionOf,
  guest,
  legacyBridge,
  mapMsi,
  name,
  nicA,
  nicB,
  onPc,
  pc,
  physdev,
  reset,
  rival,
} from './parts.js';

const frames = { first_mfn: BAR / 4096, nr_mfns: 16 };

const throughQuarantine: Scenario = {
  name: 'assign-through-quarantine',
  title: 'A device goes to a guest and back by way of dom_io',
  source: 'facts/xen 7.2, 7.3',
  shows:
    'pci-assignable-add, attach, detach, pci-assignable-remove as Xen sees them: the guest gives the device back to dom_io, not to Dom0, and only the last step takes the quarantine off.',
  expects: [],
  takesPlatform: false,
  platform: () => pc(cards([nicA, nicB])),
  programs: () => ({
    toolstack: onPc([created(guest, 'hvm')], function* () {
      yield* assign(nicA, domIo);
      yield* domctl('test_assign_device', guest, { dev: 0, flags: 0, machine_sbdf: nicA });
      yield* domctl('iomem_permission', guest, { ...frames, allow_access: 1 });
      yield* assign(nicA, guest);
      const { out } = yield* mapMsi(nicA, guest);
      yield* domctl('bind_pt_irq', guest, msiBinding(Number(out?.['pirq'])));
      yield* domctl('unbind_pt_irq', guest, msiBinding(Number(out?.['pirq'])));
      yield* physdev('unmap_pirq', { domid: guest, pirq: Number(out?.['pirq']) });
      yield* domctl('iomem_permission', guest, { ...frames, allow_access: 0 });
      yield reset(nicA);
      yield* deassign(nicA, guest);
      yield* deassign(nicA, domIo);
    }),
  }),
};

const msiBinding = (pirq: number) => ({ machine_irq: pirq, irq_type: 2, gvec: 0x40, gflags: 0, gtable: 0 });

const handedOn: Scenario = {
  name: 'handed-on-unclean',
  title: 'A device goes from one guest to the next without a reset',
  source: 'facts/xen 7.2 step 8, 7.3 (detach order)',
  shows:
    'A hurried toolstack forgets the reset, the frames and the interrupt of the first owner; the second one gets a device that still writes where the first one told it to.',
  expects: ['IRQ-002', 'ASG-002', 'ASG-001'],
  takesPlatform: false,
  platform: () => pc(cards([nicA, nicB])),
  programs: () => ({
    toolstack: onPc([created(guest, 'hvm'), created(rival, 'hvm')], function* () {
      yield* assign(nicA, domIo);
      yield* domctl('iomem_permission', guest, { ...frames, allow_access: 1 });
      yield* assign(nicA, guest);
      const { out } = yield* mapMsi(nicA, guest);
      yield* domctl('bind_pt_irq', guest, msiBinding(Number(out?.['pirq'])));
      yield* deassign(nicA, guest);
      yield* assign(nicA, rival);
    }),
  }),
};

const virtual = [1, 2].map((fn) => name(0, 7, 0, fn));
const physical = name(0, 7, 0, 0);

const physicalFirst: Scenario = {
  name: 'pf-removed-before-vfs',
  title: 'A physical function is removed before its virtual ones',
  source: 'facts/xen 2.4 (pci_remove_device)',
  shows:
    'Xen answers -EBUSY and marks the function and all its virtual ones broken; Linux goes on all the same, and no guest ever gets one of them again.',
  expects: ['ASG-003'],
  takesPlatform: false,
  platform: () => pc(cards([physical], virtual)),
  programs: () => ({
    dom0: onPc([created(guest, 'pv')], function* () {
      for (const device of virtual) {
        yield { kind: 'device.plugged', by: 'hw', data: { function: functionOf(device) } };
        yield* physdev('pci_device_add', { ...deviceArgs(device), flags: 2, physfn: { bus: 7, devfn: 0 } });
      }
      yield* physdev('pci_device_remove', deviceArgs(physical));
      for (const device of virtual) yield* physdev('pci_device_remove', deviceArgs(device));
      yield* assign(physical, guest);
      yield* physdev('pci_device_remove', deviceArgs(physical));
      yield* physdev('pci_device_add', deviceArgs(physical));
      yield* assign(physical, guest);
    }),
  }),
};

const ownerless: Scenario = {
  name: 'iommu-add-fails',
  title: 'A failed IOMMU add leaves a device without owner',
  source: 'facts/xen 2.4 step 7, 14 trap 5; facts/xen 7.4',
  shows:
    'The add fails with -ENODEV, the object stays. Assigning it later says -EBUSY, as if somebody had it, instead of -ENODEV; a second add tries again.',
  expects: ['ASG-004'],
  takesPlatform: false,
  policies: { iommu: 'on' },
  platform: () => armWithoutSmmu(cards([nicA])),
  programs: () => ({
    *machine(machine) {
      const { cfgBase } = machine.env.platform.bridges[0]!;
      yield { kind: 'bridge.probed', by: 'xen', data: { by: 'xen', cfgBase, result: 'bound' } };
      yield created(dom0, 'arm', true);
      yield created(guest, 'arm');
      yield* physdev('pci_device_add', { ...deviceArgs(nicA), flags: 0 });
      yield* assign(nicA, guest);
      yield* call(dom0, 'domctl', 'test_assign_device', {
        domain: guest,
        dev: 0,
        flags: 0,
        machine_sbdf: nicA,
      });
      yield* physdev('pci_device_add', { ...deviceArgs(nicA), flags: 0 });
      yield* physdev('pci_device_remove', deviceArgs(nicA));
      yield* assign(nicA, guest);
    },
  }),
};

const bridge = name(0, 0, 0x1e, 0);
const [behindA, behindB] = [name(0, 3, 1, 0), name(0, 3, 2, 0)] as const;

const partialGroup: Scenario = {
  name: 'partial-group',
  title: 'One of two cards behind a PCI bridge goes to a guest',
  source: 'facts/xen 7.2 (groups), 1.5 (get_device_group)',
  shows:
    'Two cards on a conventional bus send one requester id. get_device_group names the other one, packed as bus << 16 | devfn << 8; the toolstack assigns one of them all the same. With both assigned the group is whole.',
  expects: ['ASG-011'],
  takesPlatform: false,
  platform: () => pc([...cards([nicA, behindA, behindB]), legacyBridge(bridge, 0, 3, 3)]),
  programs: () => ({
    toolstack: onPc([created(guest, 'hvm')], function* () {
      yield* assign(nicA, guest);
      yield* assign(behindA, domIo);
      yield* domctl('get_device_group', dom0, { machine_sbdf: behindA, max_sdevs: 8 });
      yield* domctl('get_device_group', guest, { machine_sbdf: behindA, max_sdevs: 8 });
      yield* assign(behindA, guest);
      yield* assign(behindB, guest);
      yield* domctl('get_device_group', guest, { machine_sbdf: behindA, max_sdevs: 8 });
    }),
  }),
};

/** Who owns a device: the ASG family. */
export const assignmentScenarios: readonly Scenario[] = [
  throughQuarantine,
  handedOn,
  physicalFirst,
  ownerless,
  partialGroup,
];
