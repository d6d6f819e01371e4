import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/base/errno.js';
import { emptyPlatform } from '../../../src/platform/platform.js';
import { gsiMap, Host, machine, msiMap, name, type Options, onDevice, pciDevice, usual } from './machine.js';

const HOST_BRIDGE = '0000:00:00.0';
const NIC = '0000:00:02.0';
const PLAIN = '0000:00:04.0';
const PF = '0000:07:00.0';
const VF = '0000:07:00.1';
const NOWHERE = '0000:1f:00.0';
const IO = 0x7ff1;
const INVALID = 0x7ff4;

const rest = (host: Host) =>
  JSON.stringify([
    host.state.irq,
    host.state.xen,
    host.state.permissions,
    host.state.physmap,
    host.state.domains,
  ]);

interface Row {
  readonly why: string;
  readonly ret: keyof typeof errno;
  readonly op: string;
  readonly args: Record<string, number>;
  readonly by?: number;
  readonly on?: Options;
  readonly given?: (host: Host) => void;
  /** Not given: the state is as it was. */
  readonly leaves?: (host: Host) => void;
}

const check = ({ ret, op, args, by = 0, on, given, leaves }: Row): void => {
  const host = new Host(on);
  given?.(host);
  const before = rest(host);
  expect(host.domctl(op, args, by)).toBe(-errno[ret]);
  if (leaves === undefined) expect(rest(host)).toBe(before);
  else leaves(host);
};

const device = (text: string, domain: number, more = {}) =>
  onDevice(text, domain, more) as Record<string, number>;

/** Every PCI domctl with arguments that would do, for the checks they all share. @source facts/xen 7.1 */
const good: readonly [op: string, args: Record<string, number>][] = [
  ['assign_device', device(NIC, 1)],
  ['test_assign_device', device(NIC, 1)],
  ['deassign_device', device(NIC, 1)],
  ['get_device_group', { domain: 1, machine_sbdf: name(NIC), max_sdevs: 4 }],
  ['iomem_permission', { domain: 1, first_mfn: 0xfd800, nr_mfns: 1, allow_access: 1 }],
  ['ioport_permission', { domain: 1, first_port: 0xc000, nr_ports: 4, allow_access: 1 }],
  ['irq_permission', { domain: 1, pirq: 16, allow_access: 1 }],
  ['gsi_permission', { domain: 1, gsi: 16, flags: 1 }],
  ['memory_mapping', { domain: 2, first_gfn: 0xf0000, first_mfn: 0xfd800, nr_mfns: 1, add_mapping: 1 }],
  ['ioport_mapping', { domain: 2, first_gport: 0xc100, first_mport: 0xc000, nr_ports: 4, add_mapping: 1 }],
  ['bind_pt_irq', { domain: 2, machine_irq: 16, irq_type: 0, bus: 0, device: 3, intx: 0 }],
  ['unbind_pt_irq', { domain: 2, machine_irq: 16, irq_type: 0, bus: 0, device: 3, intx: 0 }],
  ['set_target', { domain: 1, target: 2 }],
];
const shared: readonly Row[] = good.flatMap(([op, args]): Row[] => [
  { why: 'another interface version', ret: 'EACCES', op, args: { ...args, interface_version: 0x15 } },
  { why: 'no such domain, asked by a control domain', ret: 'ESRCH', op, args: { ...args, domain: 77 } },
  { why: 'no such domain, asked by anyone else', ret: 'EPERM', op, args: { ...args, domain: 77 }, by: 1 },
  { why: 'asked by an unprivileged domain', ret: 'EPERM', op, args, by: 3 },
]);

const arm: Options = { platform: emptyPlatform };
const rescue = (h: Host): void => {
  h.physdev('map_pirq', gsiMap(16, 16));
  h.physdev('map_pirq', gsiMap(16, 16, { domid: 2 }));
};
const mapNic = (h: Host): void => {
  h.physdev('prepare_msix', pciDevice(NIC));
  h.domctl('assign_device', device(NIC, 2));
  h.physdev('map_pirq', msiMap(NIC, { domid: 2 }));
};

/** @source facts/xen 7.1 */
const permissions: readonly Row[] = [
  {
    why: 'frames that wrap',
    ret: 'EINVAL',
    op: 'iomem_permission',
    args: { domain: 1, first_mfn: 2 ** 64 - 4096, nr_mfns: 8192, allow_access: 1 },
  },
  {
    why: 'frames the caller itself may not use',
    ret: 'EPERM',
    op: 'iomem_permission',
    args: { domain: 1, first_mfn: 0xfee00, nr_mfns: 1, allow_access: 1 },
  },
  {
    why: 'no ports',
    ret: 'EINVAL',
    op: 'ioport_permission',
    args: { domain: 1, first_port: 0x100, nr_ports: 0, allow_access: 1 },
  },
  {
    why: 'ports beyond the last',
    ret: 'EINVAL',
    op: 'ioport_permission',
    args: { domain: 1, first_port: 0xfff0, nr_ports: 17, allow_access: 1 },
  },
  {
    why: 'ports Xen keeps',
    ret: 'EPERM',
    op: 'ioport_permission',
    args: { domain: 1, first_port: 0x20, nr_ports: 2, allow_access: 1 },
  },
  {
    why: 'ports on ARM',
    ret: 'ENOSYS',
    op: 'ioport_permission',
    args: { domain: 1, first_port: 0x20, nr_ports: 2, allow_access: 1 },
    on: arm,
  },
  {
    why: 'a pirq beyond the last',
    ret: 'EINVAL',
    op: 'irq_permission',
    args: { domain: 1, pirq: 416, allow_access: 1 },
  },
  {
    why: 'a pirq the caller has not mapped',
    ret: 'EPERM',
    op: 'irq_permission',
    args: { domain: 1, pirq: 16, allow_access: 1 },
  },
  {
    why: 'an interrupt on ARM',
    ret: 'ENOSYS',
    op: 'irq_permission',
    args: { domain: 1, pirq: 16, allow_access: 1 },
    on: arm,
  },
  {
    why: 'flags other than grant and revoke',
    ret: 'EINVAL',
    op: 'gsi_permission',
    args: { domain: 1, gsi: 16, flags: 2 },
  },
  {
    why: 'a GSI beyond the last',
    ret: 'EINVAL',
    op: 'gsi_permission',
    args: { domain: 1, gsi: 24, flags: 1 },
  },
  {
    why: 'a GSI without interrupt',
    ret: 'EACCES',
    op: 'gsi_permission',
    args: { domain: 1, gsi: 0, flags: 1 },
  },
  {
    why: 'a GSI the caller lost',
    ret: 'EPERM',
    op: 'gsi_permission',
    args: { domain: 1, gsi: 16, flags: 1 },
    given: (h) => {
      h.physdev('map_pirq', gsiMap(16, 16));
      h.physdev('unmap_pirq', { domid: 0x7ff0, pirq: 16 });
    },
  },
  {
    why: 'gsi_permission before 4.20',
    ret: 'ENOSYS',
    op: 'gsi_permission',
    args: { domain: 1, gsi: 16, flags: 1 },
    on: { switches: { xen: '4.19' } },
  },
];

const map = { domain: 2, first_gfn: 0xf0000, first_mfn: 0xfd800, nr_mfns: 4, add_mapping: 1 };
const ports = { domain: 2, first_gport: 0xc100, first_mport: 0xc000, nr_ports: 16, add_mapping: 1 };
const allowPorts = (h: Host): void => {
  h.domctl('ioport_permission', { domain: 2, first_port: 0xc000, nr_ports: 64, allow_access: 1 });
};

/** @source facts/xen 7.1 */
const mappings: readonly Row[] = [
  { why: 'no frames', ret: 'EINVAL', op: 'memory_mapping', args: { ...map, nr_mfns: 0 } },
  {
    why: 'frames beyond the physical width',
    ret: 'EINVAL',
    op: 'memory_mapping',
    args: { ...map, first_mfn: 2 ** 28 },
  },
  {
    why: 'frames the caller may not use',
    ret: 'EPERM',
    op: 'memory_mapping',
    args: { ...map, first_mfn: 0xfee00, nr_mfns: 1 },
  },
  { why: 'frames the target may not use', ret: 'EPERM', op: 'memory_mapping', args: map },
  {
    why: 'more than 64 frames on ARM',
    ret: 'E2BIG',
    op: 'memory_mapping',
    args: { ...map, nr_mfns: 65 },
    on: arm,
  },
  { why: 'a domain that is not HVM', ret: 'EOPNOTSUPP', op: 'ioport_mapping', args: { ...ports, domain: 1 } },
  { why: 'no ports', ret: 'EINVAL', op: 'ioport_mapping', args: { ...ports, nr_ports: 0 } },
  {
    why: 'ports beyond the last',
    ret: 'EINVAL',
    op: 'ioport_mapping',
    args: { ...ports, first_gport: 0xfff8 },
  },
  {
    why: 'ports the caller may not use',
    ret: 'EPERM',
    op: 'ioport_mapping',
    args: { ...ports, first_mport: 0x20, nr_ports: 2 },
  },
  { why: 'ports the target may not use', ret: 'EPERM', op: 'ioport_mapping', args: ports },
  {
    why: 'ports that overlap another mapping',
    ret: 'EBUSY',
    op: 'ioport_mapping',
    args: { ...ports, first_mport: 0xc008 },
    given: (h) => {
      allowPorts(h);
      h.domctl('ioport_mapping', ports);
    },
  },
  {
    why: 'removal of what is not mapped',
    ret: 'ENOENT',
    op: 'ioport_mapping',
    args: { ...ports, add_mapping: 0 },
    given: allowPorts,
  },
];

const intx = { domain: 2, machine_irq: 16, irq_type: 0, bus: 0, device: 3, intx: 0 };
const msi = { domain: 2, machine_irq: 55, irq_type: 2, gvec: 0x40, gflags: 0, gtable: 0 };

/** @source facts/xen 6.2 */
const bindings: readonly Row[] = [
  { why: 'a domain that is not HVM', ret: 'EINVAL', op: 'bind_pt_irq', args: { ...intx, domain: 1 } },
  { why: 'a pirq that stands for no interrupt', ret: 'EPERM', op: 'bind_pt_irq', args: intx },
  {
    why: 'a device model without access to the interrupt',
    ret: 'EPERM',
    op: 'bind_pt_irq',
    args: intx,
    by: 4,
    given: rescue,
  },
  {
    why: 'the IOMMU is off',
    ret: 'ESRCH',
    op: 'bind_pt_irq',
    args: intx,
    given: rescue,
    on: { policies: { iommu: 'off' } },
  },
  {
    why: 'a type x86 has not',
    ret: 'EOPNOTSUPP',
    op: 'bind_pt_irq',
    args: { ...intx, irq_type: 4 },
    given: rescue,
  },
  {
    why: 'an MSI on a pirq bound as INTx',
    ret: 'EBUSY',
    op: 'bind_pt_irq',
    args: { ...msi, machine_irq: 16 },
    given: (h) => {
      rescue(h);
      h.domctl('bind_pt_irq', intx);
    },
  },
  {
    why: 'an MSI-X table of a pirq that is no MSI',
    ret: 'EINVAL',
    op: 'bind_pt_irq',
    args: { ...msi, machine_irq: 16, gtable: 0xf0000000 },
    given: rescue,
  },
  {
    why: 'an interrupt another domain does not share',
    ret: 'EBUSY',
    op: 'bind_pt_irq',
    args: intx,
    given: (h) => {
      rescue(h);
      h.call(0, 'event_channel_op', 'bind_pirq', { pirq: 16, flags: 0 });
    },
  },
  {
    why: "Xen's own interrupt",
    ret: 'EBUSY',
    op: 'bind_pt_irq',
    args: intx,
    given: rescue,
    on: { platform: machine(usual, { ownIrqs: [0, 16] }) },
  },
  {
    why: 'unbind of a line that is not bound',
    ret: 'EINVAL',
    op: 'unbind_pt_irq',
    args: intx,
    given: rescue,
  },
  { why: 'unbind of an MSI pirq that is not mapped', ret: 'EPERM', op: 'unbind_pt_irq', args: msi },
  {
    why: 'unbind of a type x86 has not',
    ret: 'EOPNOTSUPP',
    op: 'unbind_pt_irq',
    args: { ...intx, irq_type: 1 },
    given: rescue,
  },
  {
    why: 'unbind for a domain that is not HVM',
    ret: 'EINVAL',
    op: 'unbind_pt_irq',
    args: { ...intx, domain: 1 },
  },
  { why: 'anything but SPI on ARM', ret: 'EOPNOTSUPP', op: 'bind_pt_irq', args: intx, on: arm },
  {
    why: 'an SPI under another number on ARM',
    ret: 'EINVAL',
    op: 'bind_pt_irq',
    args: { domain: 2, machine_irq: 40, irq_type: 4, spi: 41 },
    on: arm,
  },
  {
    why: 'an SPI the caller may not use on ARM',
    ret: 'EPERM',
    op: 'bind_pt_irq',
    args: { domain: 2, machine_irq: 40, irq_type: 4, spi: 40 },
    on: arm,
  },
];

const put = (h: Host, text: string, domain: number): void => {
  expect(h.domctl('assign_device', device(text, domain))).toBe(0);
};
const breakPair = (h: Host): void => {
  h.plug(VF);
  h.physdev('pci_device_add', { ...pciDevice(VF), flags: 2, physfn: { bus: 7, devfn: 0 } });
  h.physdev('pci_device_remove', pciDevice(PF));
};
const failsAt =
  (text: string) =>
  (h: Host): void =>
    expect(h.owner(text)).toBe(0);

/** @source facts/xen 7.2 */
const assignment: readonly Row[] = [
  ...['assign_device', 'test_assign_device', 'deassign_device'].flatMap((op): Row[] => [
    {
      why: 'the IOMMU is off',
      ret: 'EOPNOTSUPP',
      op,
      args: device(NIC, 1),
      on: { policies: { iommu: 'off' } },
    },
    { why: 'the caller itself', ret: 'EINVAL', op, args: device(NIC, 0) },
    { why: 'a device of the device tree', ret: 'ENODEV', op, args: device(NIC, 1, { dev: 1 }) },
    {
      why: 'a flag of another operation',
      ret: 'EINVAL',
      op,
      args: device(NIC, 1, { flags: op === 'assign_device' ? 2 : 1 }),
    },
  ]),
  { why: 'an unknown device', ret: 'ENODEV', op: 'assign_device', args: device(NOWHERE, 1) },
  {
    why: "another guest's device",
    ret: 'EBUSY',
    op: 'assign_device',
    args: device(NIC, 2),
    given: (h) => put(h, NIC, 1),
  },
  {
    why: 'a device nobody owns',
    ret: 'EBUSY',
    op: 'assign_device',
    args: device(NIC, 1),
    given: (h) => {
      h.state.xen.devices[name(NIC)]!.owner = null;
    },
  },
  {
    why: 'an unknown device, only asked about',
    ret: 'EINVAL',
    op: 'test_assign_device',
    args: device(NOWHERE, 1),
  },
  {
    why: "another guest's device, only asked about",
    ret: 'EINVAL',
    op: 'test_assign_device',
    args: device(NIC, 2),
    given: (h) => put(h, NIC, 1),
  },
  {
    why: 'nobody to take it from: DOMID_INVALID',
    ret: 'ESRCH',
    op: 'deassign_device',
    args: device(NIC, INVALID),
  },
  {
    why: 'nobody to give it to: DOMID_INVALID, whoever asks',
    by: 3,
    ret: 'ESRCH',
    op: 'assign_device',
    args: device(NIC, INVALID),
  },
  ...(['sharing', 'paging', 'pod', 'log_dirty'] as const).map(
    (feature): Row => ({
      why: `a guest with ${feature}`,
      ret: 'EXDEV',
      op: 'assign_device',
      args: device(NIC, 1),
      given: (h) => {
        const data = { domid: 1 as never, feature, on: true };
        h.engine.step({ kind: 'domain.memory', by: 'toolstack', data });
      },
    }),
  ),
  {
    why: 'a dying guest',
    ret: 'EINVAL',
    op: 'assign_device',
    args: device(NIC, 2),
    given: (h) => {
      h.engine.step({ kind: 'domain.dying', by: 'xen', data: { domid: 2 as never } });
    },
  },
  {
    why: 'a broken device to a guest',
    ret: 'EBADF',
    op: 'assign_device',
    args: device(VF, 1),
    given: breakPair,
    leaves: failsAt(VF),
  },
  {
    why: 'MSI-X with MASKALL set',
    ret: 'EBUSY',
    op: 'assign_device',
    args: device(NIC, 1),
    on: { platform: machine([{ at: NIC, msixEntries: 2, msixMasked: true }]) },
    leaves: failsAt(NIC),
  },
  {
    why: 'a host bridge',
    ret: 'EPERM',
    op: 'assign_device',
    args: device(HOST_BRIDGE, 1),
    leaves: failsAt(HOST_BRIDGE),
  },
  { why: 'a device of somebody else', ret: 'ENODEV', op: 'deassign_device', args: device(NIC, 1) },
  {
    why: 'a device from DOMID_IO that is not there',
    ret: 'ENODEV',
    op: 'deassign_device',
    args: device(NIC, IO),
  },
];

/** @source xen/common/domctl.c */
const targets: readonly Row[] = [
  { why: 'no such target', ret: 'ESRCH', op: 'set_target', args: { domain: 1, target: 77 } },
  { why: 'itself', ret: 'EINVAL', op: 'set_target', args: { domain: 2, target: 2 } },
  { why: 'a PV target', ret: 'EOPNOTSUPP', op: 'set_target', args: { domain: 4, target: 1 } },
  { why: 'a second target', ret: 'EINVAL', op: 'set_target', args: { domain: 4, target: 3 } },
];

describe('errnos of domctl', () => {
  describe.each([
    ['what every one checks', shared],
    ['permissions', permissions],
    ['mappings', mappings],
    ['bind_pt_irq and unbind_pt_irq', bindings],
    ['assign, test, deassign', assignment],
    ['set_target', targets],
  ] as const)('%s', (_table, rows) => {
    it.each(rows)('$op -$ret: $why', (row) => {
      check(row);
    });
  });
});

describe('what domctl does when it may', () => {
  it('a device goes guest, dom_io, hardware domain, and only the last step takes the quarantine off', () => {
    const host = new Host();
    put(host, NIC, IO);
    const seen = [[host.owner(NIC), host.state.xen.devices[name(NIC)]!.quarantine]];
    put(host, NIC, 1);
    for (const from of [1, IO]) {
      expect(host.domctl('deassign_device', device(NIC, from))).toBe(0);
      seen.push([host.owner(NIC), host.state.xen.devices[name(NIC)]!.quarantine]);
    }
    expect(seen).toEqual([
      [IO, true],
      [IO, true],
      [0, false],
    ]);
  });

  it('without quarantine a device goes straight back, unless it was put into dom_io by name', () => {
    const host = new Host({ policies: { quarantine: 'none' } });
    put(host, NIC, 1);
    host.domctl('deassign_device', device(NIC, 1));
    expect(host.owner(NIC)).toBe(0);
    put(host, NIC, IO);
    put(host, NIC, 1);
    host.domctl('deassign_device', device(NIC, 1));
    expect(host.owner(NIC)).toBe(IO);
  });

  it('a destroyed domain gives back its devices and interrupts the same way', () => {
    const host = new Host();
    rescue(host);
    mapNic(host);
    host.domctl('bind_pt_irq', intx);
    host.destroy(2);
    expect([host.owner(NIC), host.state.irq.domains[2], host.state.irq.guests]).toEqual([IO, undefined, {}]);
  });

  it('a guest whose memory feature is off again takes a device', () => {
    const host = new Host();
    for (const on of [true, false])
      host.engine.step({
        kind: 'domain.memory',
        by: 'toolstack',
        data: { domid: 1 as never, feature: 'log_dirty', on },
      });
    put(host, NIC, 1);
    expect(host.owner(NIC)).toBe(1);
  });

  it('a broken device still goes to dom_io', () => {
    const host = new Host();
    breakPair(host);
    put(host, VF, IO);
    expect(host.owner(VF)).toBe(IO);
  });

  it('a test may mean any guest (DOMID_INVALID), but not dom_io', () => {
    const host = new Host();
    const test = (domain: number) => host.domctl('test_assign_device', device(PLAIN, domain));
    expect([test(INVALID), test(IO)]).toEqual([0, -errno.ESRCH]);
  });

  it('memory_mapping of a PV domain is 0 and does nothing', () => {
    const host = new Host();
    expect(host.domctl('memory_mapping', { ...map, domain: 1 })).toBe(0);
    expect(host.state.physmap[1]).toBe(undefined);
  });

  it('frames and ports appear and vanish', () => {
    const host = new Host();
    host.domctl('iomem_permission', { domain: 2, first_mfn: 0xfd800, nr_mfns: 4, allow_access: 1 });
    allowPorts(host);
    expect([host.domctl('memory_mapping', map), host.domctl('ioport_mapping', ports)]).toEqual([0, 0]);
    host.domctl('memory_mapping', { ...map, first_gfn: 0xf0001, nr_mfns: 1, add_mapping: 0 });
    expect(host.state.physmap[2]).toEqual({
      mmio: [
        { gfn: 0xf0000, mfn: 0xfd800, count: 1 },
        { gfn: 0xf0002, mfn: 0xfd802, count: 2 },
      ],
      ports: [{ gport: 0xc100, mport: 0xc000, count: 16 }],
      pages: {},
    });
    expect(host.domctl('ioport_mapping', { ...ports, first_gport: 0xd000 })).toBe(0);
    expect(host.domctl('ioport_mapping', { ...ports, add_mapping: 0 })).toBe(0);
    expect(host.state.physmap[2]!.ports).toEqual([]);
  });

  it('an MSI binding is changed in place; unbinding leaves the pirq mapped', () => {
    const host = new Host();
    mapNic(host);
    expect(host.domctl('bind_pt_irq', { ...msi, gflags: 0x10000 })).toBe(0);
    expect(host.domctl('bind_pt_irq', { ...msi, gvec: 0x41, gflags: 0x100 })).toBe(0);
    expect(host.state.irq.domains[2]!.bindings[55]).toEqual({
      as: 'msi',
      lines: [],
      gvec: 0x41,
      gflags: 0x100,
    });
    expect(host.domctl('unbind_pt_irq', msi)).toBe(0);
    expect([host.state.irq.domains[2]!.bindings, host.state.irq.domains[2]!.pirqOf]).toEqual([
      {},
      { 24: 55 },
    ]);
  });

  it('two lines may share a pirq; the last unbind ends the delivery', () => {
    const host = new Host();
    rescue(host);
    host.domctl('bind_pt_irq', intx);
    host.domctl('bind_pt_irq', { ...intx, device: 4 });
    host.domctl('unbind_pt_irq', intx);
    expect(host.state.irq.guests[16]).toEqual([2]);
    host.domctl('unbind_pt_irq', { ...intx, device: 4 });
    expect(host.state.irq.guests).toEqual({});
  });

  it('a group holds the devices behind one legacy bridge, packed as bus << 16 | devfn << 8', () => {
    const bridge = {
      at: '0000:00:1e.0',
      classCode: 0x0604,
      header: 1,
      buses: [0, 2, 3] as [number, number, number],
    };
    const host = new Host({
      platform: machine([
        bridge,
        { at: '0000:02:01.0' },
        { at: '0000:03:02.1' },
        { at: '0000:03:02.0', header: 0x80 },
        { at: '0000:04:00.0' },
      ]),
    });
    host.domain(9, 'pv', { privileged: true });
    const group = host.call(9, 'domctl', 'get_device_group', {
      domain: 0,
      machine_sbdf: name('0000:02:01.0'),
      max_sdevs: 8,
    });
    expect([group.ret, group.out!['num_sdevs'], group.out!['sdev_array']]).toEqual([
      0,
      3,
      [0xf000, 0x31000, 0x31100],
    ]);
    const few = host.call(9, 'domctl', 'get_device_group', {
      domain: 0,
      machine_sbdf: name('0000:02:01.0'),
      max_sdevs: 1,
    });
    expect(few.out!['num_sdevs']).toBe(1);
    const none = host.call(9, 'domctl', 'get_device_group', {
      domain: 1,
      machine_sbdf: name('0000:02:01.0'),
      max_sdevs: 8,
    });
    expect(none.out!['num_sdevs']).toBe(0);
  });

  it('getdomaininfo names the next domain in 4.17 and only the domain itself later', () => {
    const old = new Host({ switches: { xen: '4.17' } });
    old.destroy(3);
    expect(old.call(0, 'domctl', 'getdomaininfo', { domain: 3 }).out).toEqual({ domain: 4 });
    expect(old.domctl('getdomaininfo', { domain: 5 })).toBe(-errno.ESRCH);
    const later = new Host();
    later.destroy(3);
    expect(later.domctl('getdomaininfo', { domain: 3 })).toBe(-errno.ESRCH);
  });

  it('the interface version follows the release', () => {
    for (const [xen, version] of [
      ['4.17', 0x15],
      ['4.19', 0x17],
      ['4.23', 0x18],
    ] as const) {
      const host = new Host({ switches: { xen } });
      expect(host.domctl('test_assign_device', device(NIC, 1, { interface_version: version }))).toBe(0);
      expect(host.domctl('test_assign_device', device(NIC, 1, { interface_version: version + 1 }))).toBe(
        -errno.EACCES,
      );
    }
  });
});

describe('pcitopoinfo', () => {
  const ask = (host: Host, args: object, by = 0) => host.call(by, 'sysctl', 'pcitopoinfo', args as never);

  it('says of each device whether Xen knows it; nodes are unknown', () => {
    const devs = [pciDevice(NIC), pciDevice(NOWHERE)];
    expect(ask(new Host(), { num_devs: 2, devs }).out).toEqual({
      num_devs: 2,
      devs,
      nodes: [0xffffffff, 0xfffffffe],
    });
  });

  it.each([
    ['EINVAL', { num_devs: 1 }, 0],
    ['EPERM', { num_devs: 0, devs: [] }, 1],
    ['EACCES', { num_devs: 0, devs: [], interface_version: 1 }, 0],
  ] as const)('-%s', (code, args, by) => {
    expect(ask(new Host(), args, by).ret).toBe(-errno[code]);
  });
});
