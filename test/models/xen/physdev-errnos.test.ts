import { describe, expect, it } from 'vitest';
import type { CfgBase } from '../../../src/base/brand.js';
import { errno } from '../../../src/base/errno.js';
import { emptyPlatform } from '../../../src/platform/platform.js';
import { gsiMap, Host, machine, msiMap, name, type Options, pciDevice, usual, window0 } from './machine.js';

const NIC = '0000:00:02.0';
const MASKED_MSI = '0000:00:03.0';
const PLAIN = '0000:00:04.0';
const PF = '0000:07:00.0';
const VF = '0000:07:00.1';
const TABLE = 0xfd80_0000;
const NOWHERE = '0000:1f:00.0';

/** What a failed call must leave alone: interrupts, devices, permissions. */
const rest = (host: Host) =>
  JSON.stringify([host.state.irq, host.state.xen, host.state.permissions, host.state.physmap]);

interface Row {
  readonly why: string;
  readonly ret: keyof typeof errno;
  readonly on?: Options;
  /** Earlier calls that build the state. */
  readonly given?: (host: Host) => void;
  readonly when: (host: Host) => number;
  /** Not given: the state is as it was. */
  readonly leaves?: (host: Host) => void;
}

const check = ({ ret, on, given, when, leaves }: Row): void => {
  const host = new Host(on);
  given?.(host);
  const before = rest(host);
  expect(when(host)).toBe(-errno[ret]);
  if (leaves === undefined) expect(rest(host)).toBe(before);
  else leaves(host);
};

const vf = { ...pciDevice(VF), flags: 2, physfn: { bus: 7, devfn: 0 } };
const addVf = (host: Host): void => {
  host.plug(VF);
  expect(host.physdev('pci_device_add', vf)).toBe(0);
};
/** Gives every free pirq above the GSIs of domain 0 away. */
const exhaust = (host: Host): void => {
  while (host.physdev('get_free_pirq', { type: 0 }) === 0);
};

/** @source facts/xen 2.1 */
const single: readonly Row[] = [
  { why: 'set_iopl above 3', ret: 'EINVAL', when: (h) => h.physdev('set_iopl', { iopl: 4 }) },
  {
    why: 'set_iobitmap beyond 65536 ports',
    ret: 'EINVAL',
    when: (h) => h.physdev('set_iobitmap', { nr_ports: 65537 }),
  },
  {
    why: 'apic_read of no I/O APIC',
    ret: 'EINVAL',
    when: (h) => h.physdev('apic_read', { apic_physbase: 0xfec10000, reg: 1 }),
  },
  {
    why: 'apic_write of no I/O APIC',
    ret: 'EINVAL',
    when: (h) => h.physdev('apic_write', { apic_physbase: 1, reg: 0x10 }),
  },
  {
    why: 'apic_write of a delivery mode Xen has no use for',
    ret: 'EINVAL',
    when: (h) => h.physdev('apic_write', { apic_physbase: 0xfec00000, reg: 0x12, value: 0x400 }),
  },
  {
    why: 'free_irq_vector has no handler',
    ret: 'ENOSYS',
    when: (h) => h.physdev('free_irq_vector', { irq: 1 }),
  },
  { why: 'eoi beyond nr_pirqs', ret: 'EINVAL', when: (h) => h.physdev('eoi', { irq: 416 }) },
  { why: 'eoi of a pirq never mapped', ret: 'EINVAL', when: (h) => h.physdev('eoi', { irq: 20 }) },
  {
    why: 'irq_status_query beyond nr_pirqs',
    ret: 'EINVAL',
    when: (h) => h.physdev('irq_status_query', { irq: 416 }),
  },
  {
    why: 'irq_status_query of an HVM guest without that pirq',
    ret: 'EINVAL',
    when: (h) => h.physdev('irq_status_query', { irq: 5 }, 2),
  },
  {
    why: 'a second EOI page',
    ret: 'EBUSY',
    given: (h) => h.physdev('pirq_eoi_gmfn_v2', { gmfn: 5 }),
    when: (h) => h.physdev('pirq_eoi_gmfn_v1', { gmfn: 6 }),
  },
  {
    why: 'manage_pci_add_ext with a flag of 2',
    ret: 'EINVAL',
    when: (h) => h.physdev('manage_pci_add_ext', { bus: 0, devfn: 8, is_extfn: 2 }),
  },
  { why: 'setup_gsi below 0', ret: 'EINVAL', when: (h) => h.physdev('setup_gsi', { gsi: -1 }) },
  { why: 'setup_gsi beyond the GSIs', ret: 'EINVAL', when: (h) => h.physdev('setup_gsi', { gsi: 24 }) },
  {
    why: 'setup_gsi of a pin set up before',
    ret: 'EEXIST',
    given: (h) => h.physdev('setup_gsi', { gsi: 16, triggering: 1 }),
    when: (h) => h.physdev('setup_gsi', { gsi: 16, triggering: 0 }),
  },
  {
    why: "setup_gsi of Xen's console",
    ret: 'EEXIST',
    on: { platform: machine(usual, { ownIrqs: [0, 4] }) },
    when: (h) => h.physdev('setup_gsi', { gsi: 4 }),
  },
  {
    why: 'get_free_pirq with none left',
    ret: 'ENOSPC',
    given: exhaust,
    when: (h) => h.physdev('get_free_pirq', { type: 0 }),
  },
  { why: 'dbgp_op by another domain', ret: 'EPERM', when: (h) => h.physdev('dbgp_op', { op: 1, bus: 0 }, 1) },
  {
    why: 'pci_device_reset before 4.20',
    ret: 'ENOSYS',
    on: { switches: { xen: '4.19' } },
    when: (h) => h.physdev('pci_device_reset', { dev: pciDevice(NIC), flags: 3 }),
  },
  { why: 'a number nobody knows', ret: 'ENOSYS', when: (h) => h.physdev('#22') },
];

const arm = (pci: 'built' | 'absent', more: Options = {}): Options => ({
  platform: { ...emptyPlatform, bridges: [{ ...window0, cfgBase: 0x1000 as CfgBase, access: 'ecam' }] },
  switches: { 'arm-pci': pci },
  ...more,
});

/** @source facts/xen 2.2 */
const callers: readonly Row[] = [
  ...[
    ['apic_read', { apic_physbase: 0xfec00000 }],
    ['apic_write', { apic_physbase: 0xfec00000 }],
    ['alloc_irq_vector', { irq: 1 }],
    ['setup_gsi', { gsi: 16 }],
    ['pci_mmcfg_reserved', { address: 0xb0000000, segment: 0, start_bus: 0, end_bus: 255, flags: 1 }],
    ['pci_device_add', pciDevice(NIC)],
    ['pci_device_remove', pciDevice(NIC)],
    ['pci_device_reset', { dev: pciDevice(NIC), flags: 0 }],
    ['manage_pci_add', { bus: 0, devfn: 16 }],
    ['manage_pci_remove', { bus: 0, devfn: 16 }],
    ['manage_pci_add_ext', { bus: 0, devfn: 16 }],
    ['restore_msi', { bus: 0, devfn: 16 }],
    ['restore_msi_ext', pciDevice(NIC)],
    ['prepare_msix', pciDevice(NIC)],
    ['release_msix', pciDevice(NIC)],
    ['map_pirq', gsiMap(16, 16)],
    ['unmap_pirq', { domid: 0x7ff0, pirq: 16 }],
  ].map(
    ([op, args]): Row => ({
      why: `${op} by an unprivileged PV domain`,
      ret: 'EPERM',
      when: (h) => h.physdev(op as string, args as never, 1),
    }),
  ),
  {
    why: 'map_pirq by a device model of another domain',
    ret: 'EPERM',
    when: (h) => h.physdev('map_pirq', gsiMap(16, 16, { domid: 3 }), 4),
  },
  ...[
    'irq_unmask_notify',
    'set_iopl',
    'set_iobitmap',
    'apic_read',
    'apic_write',
    'alloc_irq_vector',
    'manage_pci_add',
    'manage_pci_remove',
    'pirq_eoi_gmfn_v1',
    'restore_msi',
    'manage_pci_add_ext',
    'restore_msi_ext',
    'pirq_eoi_gmfn_v2',
    'prepare_msix',
    'release_msix',
  ].map(
    (op): Row => ({
      why: `${op} is for PV domains: not even a PVH hardware domain reaches it`,
      ret: 'ENOSYS',
      on: { dom0: 'pvh' },
      when: (h) => h.physdev(op),
    }),
  ),
  ...[
    'setup_gsi',
    'pci_mmcfg_reserved',
    'pci_device_add',
    'pci_device_remove',
    'pci_device_reset',
    'dbgp_op',
  ].map(
    (op): Row => ({
      why: `${op} by an HVM domain that is not the hardware domain`,
      ret: 'ENOSYS',
      when: (h) => h.physdev(op, {}, 2),
    }),
  ),
  ...['eoi', 'irq_status_query', 'get_free_pirq'].map(
    (op): Row => ({
      why: `${op} without the PIRQ feature`,
      ret: 'ENOSYS',
      on: { dom0: 'pvh' },
      when: (h) => h.physdev(op, { irq: 1 }),
    }),
  ),
  ...['map_pirq', 'eoi', 'setup_gsi', 'manage_pci_add', 'pci_mmcfg_reserved', 'prepare_msix'].map(
    (op): Row => ({
      why: `${op} on ARM`,
      ret: 'ENOSYS',
      on: arm('built', { policies: { 'pci-passthrough': 'on' } }),
      when: (h) => h.physdev(op),
    }),
  ),
  ...['pci_device_add', 'pci_device_remove', 'pci_device_reset'].flatMap((op): Row[] => [
    { why: `${op} on ARM built without PCI`, ret: 'ENOSYS', on: arm('absent'), when: (h) => h.physdev(op) },
    {
      why: `${op} on ARM with passthrough and IOMMU off`,
      ret: 'EOPNOTSUPP',
      on: arm('built', { policies: { iommu: 'off' } }),
      when: (h) => h.physdev(op),
    },
  ]),
];

/** Domain 1 owns a device and its interrupts can be mapped. */
const giveNic = (h: Host): void => {
  expect(h.domctl('assign_device', { domain: 1, dev: 0, flags: 0, machine_sbdf: name(NIC) })).toBe(0);
};

/** @source facts/xen 2.3 */
const pirqs: readonly Row[] = [
  {
    why: 'map_pirq of type UNKNOWN',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', gsiMap(1, 1, { type: 2 })),
  },
  {
    why: 'map_pirq of no type at all',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', gsiMap(1, 1, { type: 9 })),
  },
  { why: 'map_pirq of a GSI below 0', ret: 'EINVAL', when: (h) => h.physdev('map_pirq', gsiMap(-1, 1)) },
  {
    why: 'map_pirq of a GSI beyond the last',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', gsiMap(24, 24)),
  },
  {
    why: 'a device model without that pirq of its own maps a GSI',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', gsiMap(16, 16, { domid: 2 }), 4),
  },
  {
    why: 'map_pirq to a pirq beyond nr_pirqs',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', gsiMap(16, 416)),
  },
  {
    why: 'map_pirq of an MSI into the GSIs',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { index: 5 })),
  },
  {
    why: 'MULTI_MSI with a table',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { type: 4, entry_nr: 2, table_base: TABLE })),
  },
  {
    why: 'map_pirq for a domain that is not there',
    ret: 'ESRCH',
    when: (h) => h.physdev('map_pirq', gsiMap(16, 16, { domid: 77 })),
  },
  {
    why: 'the caller may not use the interrupt',
    ret: 'EPERM',
    given: (h) => {
      h.physdev('map_pirq', gsiMap(16, 16));
      h.physdev('unmap_pirq', { domid: 0x7ff0, pirq: 16 });
    },
    when: (h) => h.physdev('map_pirq', gsiMap(16, 16)),
  },
  {
    why: 'msi=off',
    ret: 'EPERM',
    on: { platform: machine(usual, { msi: false }) },
    when: (h) => h.physdev('map_pirq', msiMap(NIC)),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'the interrupt has another pirq',
    ret: 'EEXIST',
    given: (h) => h.physdev('map_pirq', gsiMap(16, 16)),
    when: (h) => h.physdev('map_pirq', gsiMap(16, 17)),
  },
  {
    why: 'the MSI entry is there already',
    ret: 'EEXIST',
    given: (h) => h.physdev('map_pirq', msiMap(NIC)),
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { index: 24 })),
  },
  {
    why: 'the pirq is being torn down',
    ret: 'EBUSY',
    given: (h) => {
      h.physdev('map_pirq', gsiMap(16, 16));
      h.call(0, 'event_channel_op', 'bind_pirq', { pirq: 16, flags: 1 });
      h.physdev('unmap_pirq', { domid: 0x7ff0, pirq: 16 });
    },
    when: (h) => h.physdev('map_pirq', gsiMap(16, -1)),
  },
  {
    why: 'MULTI_MSI of no vectors',
    ret: 'EDOM',
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { type: 4, entry_nr: 0 })),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'MULTI_MSI of 33 vectors',
    ret: 'EDOM',
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { type: 4, entry_nr: 33 })),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'several vectors without interrupt remapping',
    ret: 'EOPNOTSUPP',
    on: { platform: machine(usual, { interruptRemapping: false }) },
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { type: 4, entry_nr: 2 })),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'no pirq is free',
    ret: 'ENOSPC',
    given: exhaust,
    when: (h) => h.physdev('map_pirq', msiMap(NIC)),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'the device is unknown',
    ret: 'ENODEV',
    when: (h) => h.physdev('map_pirq', msiMap(NOWHERE)),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'the device is of another segment',
    ret: 'ENODEV',
    when: (h) => h.physdev('map_pirq', msiMap('0001:00:02.0')),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'the device belongs to another domain',
    ret: 'ENODEV',
    given: giveNic,
    when: (h) => h.physdev('map_pirq', msiMap(NIC)),
    leaves: (h) => expect(h.state.irq.msi).toEqual({}),
  },
  {
    why: 'the device has no MSI',
    ret: 'ENODEV',
    when: (h) => h.physdev('map_pirq', msiMap(PLAIN)),
    leaves: (h) => expect(h.state.irq.domains[0]?.pirqs ?? {}).toEqual({}),
  },
  {
    why: 'the device has no MSI-X',
    ret: 'ENODEV',
    when: (h) => h.physdev('map_pirq', msiMap(MASKED_MSI, { table_base: TABLE })),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'the MSI-X entry is beyond the table',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { entry_nr: 5, table_base: TABLE })),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'MSI-X with memory decode off',
    ret: 'ENXIO',
    on: { platform: machine([{ at: NIC, msixEntries: 2, memoryDecode: false }]) },
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { table_base: TABLE })),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: "MSI-X of a guest's device that was not prepared",
    ret: 'ENODATA',
    given: giveNic,
    when: (h) => h.physdev('map_pirq', msiMap(NIC, { domid: 1, table_base: TABLE })),
    leaves: (h) => expect(h.state.irq.created).toEqual({}),
  },
  {
    why: 'no machine interrupt is left for an MSI',
    ret: 'EINVAL',
    on: { platform: machine(usual, { nrIrqs: 24 }) },
    when: (h) => h.physdev('map_pirq', msiMap(NIC)),
  },
  {
    why: 'unmap_pirq of a domain that is not there',
    ret: 'ESRCH',
    when: (h) => h.physdev('unmap_pirq', { domid: 77, pirq: 1 }),
  },
  {
    why: 'unmap_pirq of a pirq not mapped',
    ret: 'EINVAL',
    when: (h) => h.physdev('unmap_pirq', { domid: 0x7ff0, pirq: 16 }),
  },
  {
    why: 'unmap_pirq below 0',
    ret: 'EINVAL',
    when: (h) => h.physdev('unmap_pirq', { domid: 0x7ff0, pirq: -1 }),
  },
  {
    why: 'unmap_pirq of a later vector of several',
    ret: 'EBUSY',
    given: (h) => h.physdev('map_pirq', msiMap(NIC, { type: 4, entry_nr: 4 })),
    when: (h) => h.physdev('unmap_pirq', { domid: 0x7ff0, pirq: 413 }),
  },
  {
    why: 'an HVM guest asks for a pin it has not',
    ret: 'EINVAL',
    when: (h) => h.physdev('map_pirq', gsiMap(48, -1), 2),
  },
  { why: 'an HVM guest asks for an MSI', ret: 'EINVAL', when: (h) => h.physdev('map_pirq', msiMap(NIC), 2) },
];

/** @source facts/xen 2.4, 3.3 */
const devices: readonly Row[] = [
  {
    why: 'a virtual function whose physical one is unknown',
    ret: 'ENODEV',
    when: (h) => h.physdev('pci_device_add', { ...vf, physfn: { bus: 9, devfn: 0 } }),
    leaves: (h) => expect(h.owner(VF)).toBe(undefined),
  },
  {
    why: 'pci_device_remove of an unknown segment',
    ret: 'ENODEV',
    when: (h) => h.physdev('pci_device_remove', pciDevice('0005:00:02.0')),
    leaves: (h) => expect(h.state.xen.segments[5]).toBe(undefined),
  },
  {
    why: 'pci_device_remove of an unknown device',
    ret: 'ENODEV',
    when: (h) => h.physdev('pci_device_remove', pciDevice(NOWHERE)),
  },
  {
    why: 'a physical function before its virtual ones',
    ret: 'EBUSY',
    given: addVf,
    when: (h) => h.physdev('pci_device_remove', pciDevice(PF)),
    leaves: (h) => expect([PF, VF].map((fn) => h.state.xen.devices[name(fn)]?.broken)).toEqual([true, true]),
  },
  {
    why: 'manage_pci_remove of an unknown device',
    ret: 'ENODEV',
    when: (h) => h.physdev('manage_pci_remove', { bus: 31, devfn: 0 }),
  },
  {
    why: 'pci_device_reset with flags Xen does not know',
    ret: 'EINVAL',
    when: (h) => h.physdev('pci_device_reset', { dev: pciDevice(NIC), flags: 4 }),
  },
  {
    why: 'pci_device_reset of an unknown device',
    ret: 'ENODEV',
    when: (h) => h.physdev('pci_device_reset', { dev: pciDevice(NOWHERE), flags: 3 }),
  },
  {
    why: 'restore_msi of an unknown device',
    ret: 'ENODEV',
    when: (h) => h.physdev('restore_msi', { bus: 31, devfn: 0 }),
  },
  {
    why: 'restore_msi_ext of an unknown device',
    ret: 'ENODEV',
    when: (h) => h.physdev('restore_msi_ext', pciDevice(NOWHERE)),
  },
  {
    why: 'restore_msi_ext with msi=off',
    ret: 'EOPNOTSUPP',
    on: { platform: machine(usual, { msi: false }) },
    when: (h) => h.physdev('restore_msi_ext', pciDevice(NIC)),
  },
  {
    why: 'restore_msi_ext of MSI-X with memory decode off',
    ret: 'ENXIO',
    on: { platform: decodable() },
    given: (h) => {
      h.physdev('map_pirq', msiMap(NIC, { table_base: TABLE }));
      h.writeConfig(NIC, 4, 2, 0);
    },
    when: (h) => h.physdev('restore_msi_ext', pciDevice(NIC)),
  },
  {
    why: 'prepare_msix of an unknown device',
    ret: 'ENODEV',
    when: (h) => h.physdev('prepare_msix', pciDevice(NOWHERE)),
  },
  {
    why: 'prepare_msix of a table in use',
    ret: 'EBUSY',
    given: (h) => h.physdev('map_pirq', msiMap(NIC, { table_base: TABLE })),
    when: (h) => h.physdev('prepare_msix', pciDevice(NIC)),
  },
  {
    why: 'prepare_msix twice',
    ret: 'EBUSY',
    given: (h) => h.physdev('prepare_msix', pciDevice(NIC)),
    when: (h) => h.physdev('prepare_msix', pciDevice(NIC)),
  },
  {
    why: 'prepare_msix with memory decode off',
    ret: 'ENXIO',
    on: { platform: machine([{ at: NIC, msixEntries: 2, memoryDecode: false }]) },
    when: (h) => h.physdev('prepare_msix', pciDevice(NIC)),
  },
  {
    why: 'prepare_msix with the table behind an unset register',
    ret: 'ENXIO',
    on: { platform: machine([{ at: NIC, msixEntries: 2, bar0: 0 }]) },
    when: (h) => h.physdev('prepare_msix', pciDevice(NIC)),
  },
  {
    why: 'release_msix of what was not prepared',
    ret: 'EBUSY',
    when: (h) => h.physdev('release_msix', pciDevice(NIC)),
  },
  {
    why: 'release_msix while entries are mapped',
    ret: 'EBUSY',
    given: (h) => {
      h.physdev('prepare_msix', pciDevice(NIC));
      h.physdev('map_pirq', msiMap(NIC, { table_base: TABLE }));
    },
    when: (h) => h.physdev('release_msix', pciDevice(NIC)),
  },
  ...(
    [
      ['flags Xen does not know', 'EINVAL', { flags: 2 }],
      ['another segment', 'ENODEV', { segment: 1 }],
      ['another first bus', 'ENODEV', { start_bus: 1 }],
      ['another last bus', 'ENODEV', { end_bus: 127 }],
      ['another base', 'EIO', { address: 0xc0000000 }],
    ] as const
  ).map(
    ([why, ret, more]): Row => ({
      why: `pci_mmcfg_reserved with ${why}`,
      ret,
      when: (h) =>
        h.physdev('pci_mmcfg_reserved', {
          address: 0xb0000000,
          segment: 0,
          start_bus: 0,
          end_bus: 255,
          flags: 1,
          ...more,
        }),
    }),
  ),
];

/** The usual NIC with a command register that takes writes. */
function decodable() {
  const platform = machine([{ at: NIC, msixEntries: 5 }]);
  const writeMask = new Uint8Array(4096);
  writeMask[4] = 7;
  return { ...platform, functions: platform.functions.map((fn) => ({ ...fn, writeMask })) };
}

describe('errnos of physdev_op', () => {
  describe.each([
    ['each operation', single],
    ['who may call', callers],
    ['map_pirq and unmap_pirq', pirqs],
    ['devices and windows', devices],
  ] as const)('%s', (_table, rows) => {
    it.each(rows)('-$ret: $why', (row) => {
      check(row);
    });
  });
});

describe('what changed between releases', () => {
  it.each([
    ['4.18', 0, [0, 0]],
    ['4.19', -errno.EBUSY, [0, -errno.EBADF]],
    ['4.23', -errno.EBUSY, [0, -errno.EBADF]],
  ] as const)('%s: a physical function removed first is %i', (xen, ret, assigned) => {
    const host = new Host({ switches: { xen } });
    addVf(host);
    expect(host.physdev('pci_device_remove', pciDevice(PF))).toBe(ret);
    const assign = (text: string) =>
      host.domctl('assign_device', { domain: 1, dev: 0, flags: 0, machine_sbdf: name(text) });
    expect([assign(NIC), assign(VF)]).toEqual(assigned);
  });

  it.each([
    ['4.18', 0],
    ['4.19', 0],
    ['4.20', -errno.ENODEV],
  ] as const)('%s: a virtual function before its physical one is %i', (xen, ret) => {
    const host = new Host({ switches: { xen } });
    expect(host.physdev('pci_device_remove', pciDevice(PF))).toBe(0);
    host.plug(VF);
    expect(host.physdev('pci_device_add', vf)).toBe(ret);
    expect([host.owner(PF), host.owner(VF)]).toEqual(ret === 0 ? [0, 0] : [undefined, undefined]);
  });

  it.each([
    ['4.19', [-errno.ENOSYS, -errno.ENOSYS]],
    ['4.20', [0, 0]],
  ] as const)('%s: map_pirq and setup_gsi of a PVH hardware domain are %j', (xen, ret) => {
    const host = new Host({ dom0: 'pvh', switches: { xen } });
    expect([host.physdev('map_pirq', gsiMap(16, 16)), host.physdev('setup_gsi', { gsi: 16 })]).toEqual(ret);
  });
});

describe('what the tables call success', () => {
  it('a multi-message MSI rounds up to a power of two and is the highest free run, lowest number first', () => {
    const host = new Host();
    const { ret, out } = host.call(0, 'physdev_op', 'map_pirq', msiMap(NIC, { type: 4, entry_nr: 3 }));
    expect([ret, out!['pirq'], out!['entry_nr'], out!['type']]).toEqual([0, 412, 4, 4]);
    expect(host.state.irq.domains[0]!.pirqOf).toEqual({ 24: 412, 25: 413, 26: 414, 27: 415 });
  });

  it('-ENFILE says how many vectors the device has', () => {
    const host = new Host();
    const { ret, out } = host.call(0, 'physdev_op', 'map_pirq', msiMap(NIC, { type: 4, entry_nr: 8 }));
    expect([ret, out!['entry_nr'], out!['pirq']]).toEqual([-errno.ENFILE, 4, -1]);
    expect([host.state.irq.created, host.state.irq.domains[0]?.pirqs ?? {}]).toEqual([{}, {}]);
  });

  it('-ENOSPC of a run says which smaller run would fit', () => {
    const host = new Host();
    exhaust(host);
    for (const pirq of [40, 41]) host.state.irq.domains[0]!.pirqs[pirq] = { irq: 0, emuirq: null };
    const { ret, out } = host.call(0, 'physdev_op', 'map_pirq', msiMap(NIC, { type: 4, entry_nr: 4 }));
    expect([ret, out!['entry_nr']]).toEqual([-errno.ENOSPC, 2]);
  });

  it('MSI_SEG comes back as MSI, and the segment stands in the upper half of bus', () => {
    const { out } = new Host().call(0, 'physdev_op', 'map_pirq', msiMap(NIC));
    expect([out!['type'], out!['pirq'], out!['entry_nr']]).toEqual([0, 415, 0]);
  });

  it('an identical pair, and a pirq that stands for another interrupt, answer 0', () => {
    const host = new Host();
    expect(host.physdev('map_pirq', gsiMap(16, 16))).toBe(0);
    expect(host.physdev('map_pirq', gsiMap(16, 16))).toBe(0);
    expect(host.physdev('map_pirq', gsiMap(17, 16))).toBe(0);
    expect(host.state.irq.domains[0]!.pirqOf).toEqual({ 16: 16 });
  });

  it('a free GSI pirq is looked for upward from 16, one for an MSI downward from the top', () => {
    const host = new Host();
    expect(host.call(0, 'physdev_op', 'get_free_pirq', { type: 1 }).out).toEqual({ type: 1, pirq: 16 });
    expect(host.call(0, 'physdev_op', 'get_free_pirq', { type: 0 }).out).toEqual({ type: 0, pirq: 415 });
    const guest = new Host().call(2, 'physdev_op', 'get_free_pirq', { type: 0 });
    expect(guest.out).toEqual({ type: 0, pirq: 55 });
  });

  it('unmapping the first vector unmaps them all and frees their interrupts', () => {
    const host = new Host();
    host.physdev('map_pirq', msiMap(NIC, { type: 4, entry_nr: 4 }));
    expect(host.physdev('unmap_pirq', { domid: 0x7ff0, pirq: 412 })).toBe(0);
    expect([host.state.irq.domains[0]!.pirqs, host.state.irq.created]).toEqual([{}, {}]);
  });

  it('an MSI-X entry turns MSI of the same device off, and the other way round', () => {
    const host = new Host();
    host.physdev('map_pirq', msiMap(NIC));
    host.physdev('map_pirq', msiMap(NIC, { table_base: TABLE }));
    expect(host.state.irq.msi[name(NIC)]!.entries.map((entry) => entry.type)).toEqual(['msix']);
  });

  it('msi=off makes prepare_msix a success that does nothing', () => {
    const host = new Host({ platform: machine(usual, { msi: false }) });
    expect(host.physdev('prepare_msix', pciDevice(NOWHERE))).toBe(0);
  });

  it('adding a known device, and vouching for a window that is on, are 0 and change nothing', () => {
    const host = new Host();
    const before = rest(host);
    expect(host.physdev('pci_device_add', pciDevice(NIC))).toBe(0);
    const window = { address: 0xb0000000, segment: 0, start_bus: 0, end_bus: 255 };
    expect(host.physdev('pci_mmcfg_reserved', { ...window, flags: 1 })).toBe(0);
    expect(rest(host)).toBe(before);
    expect(host.physdev('pci_mmcfg_reserved', { ...window, flags: 0 })).toBe(0);
    expect(host.state.irq.mmcfg).toEqual({ '0:0-255': false });
  });

  // What answers all ones is of a type VT-d refuses (vtd/iommu.c, domain_context_mapping @RELEASE-4.22.0).
  it.each([
    ['off', 0],
    ['on', -errno.EINVAL],
  ] as const)(
    'adding behind no window makes the segment and a device of unknown type, iommu=%s',
    (iommu, ret) => {
      const host = new Host({ policies: { iommu } });
      expect(host.physdev('pci_device_add', pciDevice('0009:00:01.0'))).toBe(ret);
      expect([host.state.xen.segments[9], host.state.xen.devices[name('0009:00:01.0')]?.type]).toEqual([
        true,
        'unknown',
      ]);
    },
  );

  it('an HVM guest gets the machine interrupt behind its emulated pin, else an emulated pirq', () => {
    const host = new Host();
    host.physdev('map_pirq', gsiMap(16, 16));
    host.physdev('map_pirq', gsiMap(16, 16, { domid: 2 }));
    expect(
      host.domctl('bind_pt_irq', { domain: 2, machine_irq: 16, irq_type: 0, bus: 0, device: 5, intx: 0 }),
    ).toBe(0);
    expect(host.call(2, 'physdev_op', 'map_pirq', gsiMap(36, -1)).out!['pirq']).toBe(16);
    expect(host.call(2, 'physdev_op', 'map_pirq', gsiMap(20, -1)).out!['pirq']).toBe(17);
    expect(host.state.irq.domains[2]!.pirqs[17]).toEqual({ irq: 0, emuirq: 20 });
    expect(host.physdev('unmap_pirq', { domid: 0x7ff0, pirq: 17 }, 2)).toBe(0);
    expect(host.state.irq.domains[2]!.pirqs[17]).toBe(undefined);
  });
});
