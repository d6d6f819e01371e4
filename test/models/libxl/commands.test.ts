import { describe, expect, it } from 'vitest';
import { parseSbdf } from '../../../src/pci/sbdf.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import type { XenRelease } from '../../../src/policy/releases.js';
import { functions, Machine } from './machine.js';

const NVME = functions.nvme;
const E1000E = functions.e1000e;
const RTL = functions.rtl8139;
const slot = (machine: Machine, name: string) => machine.engine.state.linux.devices[parseSbdf(name)!]!;
const owner = (machine: Machine, name: string) => machine.engine.state.xen.devices[parseSbdf(name)!]?.owner;
const BE = '/local/domain/0/backend/pci/1/0';
const FE = '/local/domain/1/device/pci/0';

describe('xl pci-assignable-add (facts/dom0 8.3)', () => {
  it('unbinds, remembers the driver, lists, binds, drops the name and quarantines, in this order', () => {
    const machine = new Machine({ drivers: { [NVME]: 'nvme' } });
    const mark = machine.log.length;
    expect(machine.run('assignable-add', null, NVME)).toBe(0);
    const back = '/sys/bus/pci/drivers/pciback';
    expect(machine.trail(mark)).toEqual([
      `sysfs exists /sys/bus/pci/devices/${NVME}`,
      `sysfs exists ${back}`,
      `sysfs exists ${back}/${NVME} -2`,
      `sysfs link /sys/bus/pci/devices/${NVME}/driver`,
      `sysfs write /sys/bus/pci/drivers/nvme/unbind=${NVME}`,
      'xs write /libxl/pci/0000-01-00-0/driver_path=/sys/bus/pci/drivers/nvme',
      `sysfs read ${back}/slots`,
      `sysfs write ${back}/new_slot=${NVME}`,
      'physdev_op setup_gsi',
      'physdev_op prepare_msix',
      'reset flr',
      `sysfs write ${back}/bind=${NVME}`,
      'xs rm /libxl/pci/0000-01-00-0/name',
      'domctl assign_device',
    ]);
    expect(owner(machine, NVME)).toBe(0x7ff1);
  });

  it.each([
    [
      'an absent device',
      '0000:0b:00.0',
      {},
      "Couldn't lstat /sys/bus/pci/devices/0000:0b:00.0: No such file or directory",
    ],
    ['no pciback', NVME, { pciback: false }, 'Looks like pciback driver is not loaded'],
    [
      'hide= that cannot be read',
      NVME,
      { hide: '(0b:00.0)(0b::00.1)' },
      'Looks like pciback driver is not loaded',
    ],
    ['no IOMMU', NVME, { policies: { iommu: 'off' } as const }, `failed to quarantine ${NVME}`],
    [
      'files of another hardware domain',
      NVME,
      { policies: { 'hardware-domain': 'domd' } as const },
      `Couldn't lstat /sys/bus/pci/devices/${NVME}: No such file or directory`,
    ],
  ])('says what is wrong with %s', (_name, device, options, message) => {
    const machine = new Machine(options);
    expect(machine.run('assignable-add', null, device)).toBe(-3);
    expect(machine.trail().at(-1)).toBe(`error: ${message}`);
  });

  it('leaves the driver unbound and remembered when pciback refuses', () => {
    const machine = new Machine({
      drivers: { [NVME]: 'nvme' },
      dom0: 'pvh',
      switches: { linux: '6.12.117', xen: '4.19' },
    });
    expect(machine.run('assignable-add', null, NVME)).toBe(-3);
    expect(machine.trail()).toContain(`sysfs write /sys/bus/pci/drivers/pciback/bind=${NVME} -38`);
    expect(slot(machine, NVME).driver).toBeNull();
    expect(machine.read('/libxl/pci/0000-01-00-0/driver_path')).toBe('/sys/bus/pci/drivers/nvme');
  });

  it('warns the second time and quarantines again', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME);
    const mark = machine.log.length;
    expect(machine.run('assignable-add', null, NVME)).toBe(0);
    expect(machine.trail(mark)).toContain(`warning: ${NVME} already assigned to pciback`);
    expect(machine.trail(mark).at(-1)).toBe('domctl assign_device');
  });

  it('gives a name', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME, { name: 'disk' });
    machine.run('assignable-list', null, '');
    expect(machine.trail().at(-1)).toBe(`output: ${NVME} `);
    machine.run('assignable-list', null, '', { names: true });
    expect(machine.trail().at(-1)).toBe(`output: ${NVME} disk`);
    expect(machine.run('assignable-remove', null, 'disk')).toBe(0);
    expect(slot(machine, NVME).driver).toBeNull();
  });
});

describe('xl pci-assignable-remove (facts/dom0 8.4)', () => {
  it('gives the device back to its driver with -r only', () => {
    for (const rebind of [true, false]) {
      const machine = new Machine({ drivers: { [NVME]: 'nvme' } });
      machine.run('assignable-add', null, NVME);
      expect(machine.run('assignable-remove', null, NVME, { rebind })).toBe(0);
      expect(slot(machine, NVME).driver).toBe(rebind ? 'nvme' : null);
      expect(machine.read('/libxl/pci/0000-01-00-0/driver_path') === null).toBe(rebind);
      expect(owner(machine, NVME)).toBe(0);
    }
  });

  it('fails while a guest has the device', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME);
    machine.guest(1, 'pv', 'pv1');
    machine.run('create', 1, NVME);
    expect(machine.run('assignable-remove', null, NVME)).toBe(-3);
    expect(machine.trail().at(-1)).toBe(`error: failed to de-quarantine ${NVME}`);
  });
});

describe('xl pci-assignable-list (facts/dom0 8.2)', () => {
  it("lists in the order of the folder's name hashes, as recorded", () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME);
    machine.run('assignable-add', null, RTL);
    machine.run('assignable-list', null, '');
    expect(machine.trail().filter((line) => line.startsWith('output'))).toEqual([
      `output: ${RTL} `,
      `output: ${NVME} `,
    ]);
  });

  it('hides a device whose domid key a crashed toolstack left behind', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME);
    machine.guest(1, 'pv', 'pv1');
    const job = machine.request('create', 1, NVME);
    while (machine.engine.state.toolstack.jobs[job]!.next !== 'reset') {
      machine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    }
    machine.step({ kind: 'toolstack.killed', by: 'toolstack', data: { job } });
    machine.guest(2, 'pv', 'pv2');
    expect(machine.run('create', 2, NVME)).toBe(-3);
    expect(machine.trail()).toContain('error: PCI device 0:1:0.0 is not assignable');
  });
});

describe('attach (facts/dom0 8.5, 8.6, Appendix B)', () => {
  it('of an HVM guest makes the steps of Appendix B in order', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, E1000E);
    machine.guest(1, 'hvm', 'hvm1');
    const mark = machine.log.length;
    expect(machine.run('create', 1, `${E1000E},permissive=1`)).toBe(0);
    machine.settle();
    const trail = machine.trail(mark);
    const steps = [
      'domctl test_assign_device',
      'sysfs list /sys/bus/pci/drivers/pciback',
      'xs read /libxl/pci/0000-04-00-0/domid ENOENT',
      'xs write /libxl/pci/0000-04-00-0/domid=1',
      'sysfs exists /sys/bus/pci/drivers/pciback/do_flr -2',
      `sysfs write /sys/bus/pci/devices/${E1000E}/reset=1`,
      'qmp device_add',
      'qmp query-pci',
      'domctl bind_pt_irq',
      'domctl iomem_permission',
      'domctl iomem_permission',
      'domctl ioport_permission',
      'domctl iomem_permission',
      'domctl iomem_permission',
      'physdev_op map_pirq',
      'domctl irq_permission',
      `sysfs write /sys/bus/pci/drivers/pciback/permissive=${E1000E}`,
      'domctl assign_device',
      `xs write ${BE}/frontend=${FE}`,
      `xs write ${BE}/dev-0=${E1000E}`,
      `xs write ${BE}/state=2`,
      `xs write ${BE}/vdev-0=0000:00:00.00`,
      `xs write ${BE}/state-0=3`,
      `xs write ${BE}/root-0=0000:00`,
      `xs write ${BE}/root_num=1`,
      `xs write ${BE}/state=3`,
    ];
    let at = -1;
    for (const step of steps) {
      const next = trail.indexOf(step, at + 1);
      expect(next, step).toBeGreaterThan(at);
      at = next;
    }
    expect(owner(machine, E1000E)).toBe(1);
  });

  it('takes the claim back when a step fails, but no permission', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME);
    machine.guest(1, 'pv', 'pv1');
    const job = machine.request('create', 1, NVME);
    while (machine.engine.state.toolstack.jobs[job]!.next !== 'assign') {
      machine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    }
    // Another guest of another toolstack was quicker.
    machine.guest(3, 'pv', 'pv3');
    machine.step({
      kind: 'hypercall.issued',
      by: 'd0',
      data: {
        domid: 0 as never,
        hypercall: 'domctl',
        op: 'assign_device',
        args: { domain: 3, dev: 0, flags: 0, machine_sbdf: parseSbdf(NVME)! },
      },
    });
    machine.finish(job);
    expect(machine.engine.state.toolstack.jobs[job]!.rc).toBe(-3);
    expect(machine.trail()).toContain('error: xc_assign_device failed: Device or resource busy');
    expect(machine.read('/libxl/pci/0000-01-00-0/domid')).toBeNull();
    expect(machine.engine.state.permissions[1]?.iomem?.starts.length).toBeGreaterThan(0);
  });

  it.each([
    [
      'without IOMMU',
      { policies: { iommu: 'off' } as const },
      `PCI device ${E1000E} cannot be assigned - no IOMMU?`,
    ],
  ])('of an HVM guest %s fails at the first question', (_name, options, message) => {
    const machine = new Machine(options);
    machine.run('assignable-add', null, E1000E);
    machine.guest(1, 'hvm', 'hvm1');
    expect(machine.run('create', 1, '')).toBe(0);
    expect(machine.run('attach', 1, E1000E)).toBe(-1);
    expect(machine.trail()).toContain(`error: ${message}`);
  });

  it('of `.*` needs a virtual slot and adds the highest function only', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME);
    machine.guest(1, 'pv', 'pv1');
    expect(machine.run('attach', 1, '01:00.*')).toBe(-6);
    expect(machine.trail()).toContain('error: Must specify a v-slot for multi-function devices');
    expect(machine.run('create', 1, '01:00.*@5')).toBe(0);
    expect(machine.read(`${BE}/vdevfn-0`)).toBe('28');
  });

  it("reports the device model's refusal", () => {
    const machine = new Machine();
    machine.run('assignable-add', null, E1000E);
    machine.guest(1, 'hvm', 'hvm1');
    const job = machine.request('create', 1, E1000E);
    while (machine.engine.state.toolstack.jobs[job]!.waits !== 'qmp') {
      machine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    }
    machine.step({
      kind: 'toolstack.answered',
      by: 'dm:qemu',
      data: { job, ok: false, reply: "Duplicate ID 'pci-pt-04_00.0' for device" },
    });
    expect(machine.engine.state.toolstack.jobs[job]!.rc).toBe(-28);
    expect(machine.read('/libxl/pci/0000-04-00-0/domid')).toBeNull();
  });
});

describe('detach and the end of a domain (facts/dom0 8.8)', () => {
  it('of a PV guest goes through both reconfigurations and leaves nothing', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME);
    machine.guest(1, 'pv', 'pv1');
    machine.run('create', 1, NVME);
    machine.settle();
    machine.probe(1);
    machine.settle();
    const mark = machine.log.length;
    expect(machine.run('detach', 1, NVME)).toBe(0);
    const trail = machine.trail(mark).filter((line) => line.startsWith('domctl') || line.includes('/state'));
    expect(trail.filter((line) => line.startsWith('domctl'))).toEqual([
      'domctl iomem_permission',
      'domctl irq_permission',
      'domctl deassign_device',
    ]);
    const states = machine.trail(mark).filter((line) => /write .*\/state(-0)?=/.test(line));
    expect(states).toEqual([
      `xs write ${BE}/state-0=5`,
      `xs write ${BE}/state=7`,
      `xs write ${FE}/state=7`,
      `xs write ${BE}/state=8`,
      `xs write ${FE}/state=4`,
      `xs write ${BE}/state=4`,
    ]);
    machine.settle();
    expect(machine.read(`${BE}/num_devs`)).toBeNull();
    expect(machine.read(FE)).toBeNull();
    expect(owner(machine, NVME)).toBe(0x7ff1);
    expect(machine.engine.state.pciback.backends).toEqual({});
    expect(machine.engine.state.permissions[1]?.iomem?.starts ?? []).toEqual([]);
  });

  it('of a PV guest that closed its frontend waits in vain, and the backend stays behind', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, NVME);
    machine.guest(1, 'pv', 'pv1');
    machine.run('create', 1, NVME);
    machine.settle();
    machine.probe(1);
    machine.settle();
    machine.step({ kind: 'pcifront.shut-down', by: 'd1', data: { domid: 1 as never } });
    machine.settle();
    expect(machine.read(`${BE}/state`)).toBe('6');
    expect(machine.run('destroy', 1, '')).toBe(0);
    expect(machine.trail()).toContain(`error: Backend ${BE} not ready`);
    machine.settle();
    expect(machine.read(`${BE}/dev-0`)).toBe(NVME);
    expect(machine.read(FE)).toBeNull();
    expect(machine.engine.state.pciback.backends).toEqual({});
  });

  it.each<[XenRelease, number]>([
    ['4.17', 0],
    ['4.18', 5],
  ])('of an HVM guest under Xen %s takes %i permissions back', (xen, count) => {
    const machine = new Machine({ switches: { xen } });
    machine.run('assignable-add', null, E1000E);
    machine.guest(1, 'hvm', 'hvm1');
    machine.run('create', 1, E1000E);
    machine.settle();
    const mark = machine.log.length;
    expect(machine.run('destroy', 1, '')).toBe(0);
    expect(machine.trail(mark)).toContain('warning: timed out waiting for DM to remove pci-pt-04_00.0');
    const revoked = machine.trail(mark).filter((line) => /domctl io(mem|port)_permission/.test(line));
    expect(revoked).toHaveLength(count);
  });

  const before11 = currentBehaviour.filter((number) => number < 11);
  /** A guest with two devices, at the point where its end waits for the device model. */
  const ending = (behaviour: readonly number[]) => {
    const machine = new Machine({ behaviour });
    for (const device of [E1000E, RTL]) machine.run('assignable-add', null, device);
    machine.guest(1, 'hvm', 'hvm1');
    machine.run('create', 1, `${E1000E} ${RTL}`);
    machine.settle();
    const mark = machine.log.length;
    const job = machine.request('destroy', 1, '');
    const state = () => machine.engine.state.toolstack.jobs[job]!;
    const toTheWait = (): void => {
      while (state().waits !== 'removal' && state().next !== null)
        machine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    };
    toTheWait();
    const timeOut = (): void => {
      machine.step({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
      toTheWait();
    };
    const answer = (reply: string): void => {
      machine.step({ kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ok: true, reply } });
      toTheWait();
    };
    const lines = (pattern: RegExp): string[] => machine.trail(mark).filter((line) => pattern.test(line));
    return { machine, state, timeOut, answer, lines };
  };

  it('of an HVM guest asks for every device before it waits, and the waits run out in that order', () => {
    const end = ending(currentBehaviour);
    expect(end.lines(/qmp device_del/)).toHaveLength(2);
    end.timeOut();
    end.timeOut();
    expect(end.state()).toMatchObject({ next: null, rc: 0 });
    expect(end.lines(/timed out|deassign_device|rm \/libxl\/pci\/.*domid/)).toEqual([
      'warning: timed out waiting for DM to remove pci-pt-04_00.0',
      'domctl deassign_device',
      'xs rm /libxl/pci/0000-04-00-0/domid',
      'warning: timed out waiting for DM to remove pci-pt-07_01.0',
      'domctl deassign_device',
      'xs rm /libxl/pci/0000-07-01-0/domid',
    ]);
  });

  it('of an HVM guest goes on with the device that the device model has let go of', () => {
    const end = ending(currentBehaviour);
    end.answer('pci-pt-07_01.0');
    end.timeOut();
    expect(end.lines(/timed out|rm \/libxl\/pci\/.*domid/)).toEqual([
      'xs rm /libxl/pci/0000-07-01-0/domid',
      'warning: timed out waiting for DM to remove pci-pt-04_00.0',
      'xs rm /libxl/pci/0000-04-00-0/domid',
    ]);
    expect(end.machine.read(BE)).toBeNull();
  });

  it('of an HVM guest asked for one device after the other before behaviour 11', () => {
    const end = ending(before11);
    expect(end.lines(/qmp device_del/)).toHaveLength(1);
    end.timeOut();
    expect(end.lines(/qmp device_del/)).toHaveLength(2);
    end.timeOut();
    expect(end.state()).toMatchObject({ next: null, rc: 0 });
  });

  it.each<[XenRelease, readonly number[], number, string]>([
    ['4.17', currentBehaviour, 0, "error: Couldn't find the device on xenstore"],
    ['4.18', currentBehaviour, 1, "error: Couldn't find the device on xenstore"],
    ['4.17', before11, 1, `error: Couldn't find the device ${NVME} on xenstore (segment 0)`],
  ])('by force of a device the guest does not have, under Xen %s', (xen, behaviour, revoked, message) => {
    const machine = new Machine({ switches: { xen }, behaviour });
    for (const device of [NVME, RTL]) machine.run('assignable-add', null, device);
    machine.guest(1, 'pv', 'pv1');
    machine.run('create', 1, RTL);
    machine.settle();
    machine.probe(1);
    machine.settle();
    const mark = machine.log.length;
    machine.run('detach', 1, NVME, { force: true });
    const trail = machine.trail(mark);
    expect(trail.filter((line) => /iomem_permission/.test(line))).toHaveLength(revoked);
    expect(trail).toContain('error: PCI device not attached to this domain');
    expect(trail).toContain(message);
  });

  it('of an HVM guest that does not let go ends without force and revokes nothing', () => {
    const machine = new Machine();
    machine.run('assignable-add', null, E1000E);
    machine.guest(1, 'hvm', 'hvm1');
    machine.run('create', 1, E1000E);
    machine.settle();
    const mark = machine.log.length;
    expect(machine.run('detach', 1, E1000E)).toBe(-3);
    expect(machine.trail(mark).filter((line) => line.startsWith('domctl'))).toEqual([]);
    expect(owner(machine, E1000E)).toBe(1);
  });
});

describe('three stores of assignability (facts/dom0 12.1)', () => {
  it.each(['xen-flag', 'xenstore'] as const)(
    '%s lists what it was told, binds nothing and resets nothing',
    (assignable) => {
      const machine = new Machine({ policies: { assignable } });
      expect(machine.run('assignable-add', null, NVME)).toBe(0);
      machine.run('assignable-list', null, '');
      expect(machine.trail().at(-1)).toBe(`output: ${NVME} `);
      expect(machine.trail().filter((line) => line.startsWith('reset'))).toEqual([]);
      expect(owner(machine, NVME)).toBe(0);
      expect(machine.run('assignable-remove', null, NVME)).toBe(0);
      const mark = machine.log.length;
      machine.run('assignable-list', null, '');
      expect(machine.trail(mark).filter((line) => line.startsWith('output'))).toEqual([]);
    },
  );

  it('the proposed system controls do not exist without their policy', () => {
    const machine = new Machine();
    const events = machine.step({
      kind: 'hypercall.issued',
      by: 'd0',
      data: {
        domid: 0 as never,
        hypercall: 'sysctl',
        op: 'pci_device_set_assigned',
        args: { machine_sbdf: 0x100, assigned: 1 },
      },
    });
    expect(events.at(-1)?.data).toMatchObject({ ret: -38 });
  });
});
