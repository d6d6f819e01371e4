import { describe, expect, it } from 'vitest';
import { pciCommands } from '../../../src/models/linux/pciif/page.js';
import { parseSbdf } from '../../../src/pci/sbdf.js';
import { functions, Machine } from '../libxl/machine.js';

const NVME = functions.nvme;
const E1000E = functions.e1000e;
const BE = '/local/domain/0/backend/pci/1/0';
const FE = '/local/domain/1/device/pci/0';

function guest(type: 'pv' | 'hvm', ...devices: string[]): Machine {
  const machine = new Machine();
  for (const device of Object.values(functions).slice(1)) machine.run('assignable-add', null, device);
  machine.guest(1, type, 'g1');
  machine.run('create', 1, devices.join(' '));
  machine.settle();
  return machine;
}

function connected(...devices: string[]): Machine {
  const machine = guest('pv', ...devices);
  machine.probe(1);
  machine.settle();
  return machine;
}

describe('the handshake of pciback and pcifront (facts/dom0 4.7)', () => {
  it('waits at Initialised for a frontend and connects with it', () => {
    const machine = guest('pv', NVME);
    expect([machine.read(`${BE}/state`), machine.read(`${FE}/state`)]).toEqual(['3', '1']);
    machine.probe(1);
    machine.settle();
    expect([machine.read(`${BE}/state`), machine.read(`${FE}/state`)]).toEqual(['4', '4']);
    expect(machine.engine.state.pcifront[1]).toMatchObject({ state: 4, roots: ['0000:00'], devices: ['0'] });
  });

  it('stays at Initialised for life with a guest that has no pcifront', () => {
    const machine = guest('hvm', E1000E);
    machine.probe(1);
    machine.settle();
    expect([machine.read(`${BE}/state`), machine.read(`${FE}/state`)]).toEqual(['3', '1']);
  });

  it('stays at Initialising without pciback', () => {
    const machine = new Machine({ pciback: false });
    machine.guest(1, 'pv', 'g1');
    for (const [path, value] of [
      [`${BE}/frontend`, FE],
      [`${BE}/state`, '1'],
    ] as const) {
      machine.step({
        kind: 'xenstore.requested',
        by: 'toolstack',
        data: { conn: 'k0', op: 'WRITE', path, value, tx: 0 },
      });
    }
    expect(machine.settle()).toBe(false);
    expect(machine.read(`${BE}/state`)).toBe('1');
  });

  it('ends at another magic', () => {
    const machine = guest('pv', NVME);
    machine.probe(1, '6');
    machine.settle();
    expect(machine.read(`/local/domain/0/error/backend/pci/1/0/error`)).toContain(
      '-14 version mismatch (6/7)',
    );
    expect(machine.trail()).toContain(`xs write ${BE}/state=5`);
    expect([machine.read(`${BE}/state`), machine.read(`${FE}/state`)]).toEqual(['6', '6']);
  });

  it('ends when the device is not there to export', () => {
    const machine = new Machine();
    machine.guest(1, 'pv', 'g1');
    for (const [key, value] of [
      ['../state', '1'],
      ['frontend', FE],
      ['dev-0', NVME],
      ['num_devs', '1'],
      ['state', '1'],
    ] as const) {
      machine.step({
        kind: 'xenstore.requested',
        by: 'toolstack',
        data: {
          conn: 'k0',
          op: 'WRITE',
          path: key === '../state' ? `${FE}/state` : `${BE}/${key}`,
          value,
          tx: 0,
        },
      });
    }
    machine.settle();
    expect(machine.read('/local/domain/0/error/backend/pci/1/0/error')).toBe(
      `-22 Couldn't locate PCI device (${NVME})! perhaps already in-use?`,
    );
    expect(machine.read(`${BE}/state`)).toBe('5');
  });

  it('exports a device that came before the frontend connected', () => {
    const machine = guest('pv', NVME);
    const job = machine.request('create', 1, E1000E);
    machine.finish(job);
    machine.settle();
    expect(machine.read(`${BE}/state-1`)).toBe('3');
    expect(machine.read(`${BE}/vdev-1`)).toBe('0000:00:01.00');
    expect(machine.read(`${BE}/state`)).toBe('3');
  });

  it('hot-plugs a second device through Reconfiguring and Reconfigured', () => {
    const machine = connected(NVME);
    expect(machine.run('attach', 1, E1000E)).toBe(0);
    machine.settle();
    expect([machine.read(`${BE}/state`), machine.read(`${FE}/state`)]).toEqual(['4', '4']);
    expect(machine.read(`${BE}/state-1`)).toBe('3');
    expect(machine.engine.state.pcifront[1]?.devices).toEqual(['0', '8']);
  });

  it('never exports a second device hot-plugged into a running HVM guest', () => {
    const machine = guest('hvm', E1000E);
    expect(machine.run('attach', 1, functions.rtl8139)).toBe(0);
    machine.settle();
    expect([machine.read(`${BE}/state`), machine.read(`${BE}/state-1`)]).toEqual(['7', '1']);
    expect(machine.engine.state.pciback.devices[parseSbdf(functions.rtl8139)!]?.exportedTo).toBeNull();
  });

  it('does not move virtual slots when an earlier device goes', () => {
    const machine = connected(NVME, E1000E);
    expect(machine.run('detach', 1, NVME)).toBe(0);
    expect(machine.read(`${BE}/dev-0`)).toBe(E1000E);
    expect(machine.read(`${BE}/vdev-0`)).toBe('0000:00:01.00');
    expect(machine.read(`${BE}/num_devs`)).toBe('1');
  });

  it('declares an HVM device dead on AER, and nobody reacts', () => {
    const machine = guest('hvm', E1000E);
    machine.step({ kind: 'aer.reported', by: 'hw', data: { sbdf: parseSbdf(E1000E)!, cmd: 6 } });
    machine.settle();
    expect(machine.read(`${BE}/aerState`)).toBe('aerfail');
    expect(machine.engine.state.domains[1]).toBeDefined();
  });

  it('takes a device away under the guest when its driver is unbound', () => {
    const machine = connected(NVME);
    machine.step({
      kind: 'sysfs.requested',
      by: 'root',
      data: { verb: 'write', path: '/sys/bus/pci/drivers/pciback/unbind', value: NVME },
    });
    const lines = machine.log.flatMap((event) => (event.kind === 'linux.logged' ? [event.data.text] : []));
    expect(lines.join('\n')).toContain(`removing device ${NVME} while still in-use by domain 1!`);
    expect(machine.engine.state.xen.devices[parseSbdf(NVME)!]?.owner).toBe(1);
    expect(machine.read(`${BE}/state`)).toBe('4');
  });
});

describe('requests through the page (facts/dom0 6, 7)', () => {
  const submit = (
    machine: Machine,
    cmd: number,
    more: Partial<Record<'sbdf' | 'offset' | 'size' | 'value', number>> = {},
  ) =>
    machine.step({
      kind: 'pciif.submitted',
      by: 'd1',
      data: {
        domid: 1 as never,
        cmd,
        sbdf: (more.sbdf ?? 0) as never,
        offset: more.offset ?? 0,
        size: more.size ?? 4,
        value: more.value ?? 0,
      },
    });
  const serve = (machine: Machine) => {
    machine.step({ kind: 'pciif.taken', by: 'd0', data: { domid: 1 as never } });
    return machine.step({ kind: 'pciif.served', by: 'd0', data: { domid: 1 as never } });
  };
  const answer = (events: ReturnType<Machine['step']>) => {
    const finished = events.find((event) => event.kind === 'pciif.finished');
    return finished?.kind === 'pciif.finished' ? finished.data : null;
  };

  it('reads what the policy says', () => {
    const machine = connected(NVME);
    submit(machine, pciCommands.conf_read);
    expect(answer(serve(machine))).toMatchObject({ err: 0, value: 0x0010_1b36 });
  });

  it.each([
    ['another device', pciCommands.conf_read, { sbdf: 0x20 }, -1],
    ['a misaligned offset', pciCommands.conf_read, { offset: 1, size: 2 }, -2],
    ['MSI-X flags', pciCommands.conf_write, { offset: 0x42, size: 2, value: 0xc040 }, -3],
    ['multi-MSI', pciCommands.enable_multi_msi, {}, -4],
    ['MSI on a device without it', pciCommands.enable_msi, {}, -5],
    ['too many vectors', pciCommands.enable_msix, { value: 129 }, -22],
  ])('refuses %s', (_name, cmd, more, err) => {
    const machine = connected(NVME);
    submit(machine, cmd, more);
    expect(answer(serve(machine))?.err).toBe(err);
  });

  it('refuses MSI-X while memory decoding is off, and gives pirqs of the guest when it is on', () => {
    const machine = connected(NVME);
    machine.step({
      kind: 'config.requested',
      by: 'd0',
      data: {
        domid: 0 as never,
        via: 'direct',
        dir: 'write',
        sbdf: 0x100 as never,
        reg: 4,
        size: 2,
        value: 0,
      },
    });
    submit(machine, pciCommands.conf_write, { offset: 4, size: 2, value: 2 });
    expect(answer(serve(machine))?.err).toBe(0);
    submit(machine, pciCommands.enable_msix, { value: 2 });
    const done = answer(serve(machine));
    expect(done?.err).toBe(0);
    expect(done?.vectors.split(' ')).toHaveLength(2);
    const calls = machine.log.filter(
      (event) => event.kind === 'hypercall.entered' && event.data.op === 'map_pirq',
    );
    expect(calls.at(-1)?.data).toMatchObject({ args: { domid: 1, type: 3, table_base: 0xfde00000 } });
  });

  it('answers -114 to a second enable_msix after the first one took longer than two seconds', () => {
    const machine = connected(NVME);
    submit(machine, pciCommands.conf_write, { offset: 4, size: 2, value: 6 });
    serve(machine);
    submit(machine, pciCommands.enable_msix, { value: 1 });
    machine.step({ kind: 'pciif.taken', by: 'd0', data: { domid: 1 as never } });
    const late = machine.step({ kind: 'pciif.expired', by: 'd1', data: { domid: 1 as never } });
    expect(late.map((event) => (event.kind === 'linux.logged' ? event.data.text : ''))).toContain(
      'pcifront pci-0: pciback not responding!!!',
    );
    machine.step({ kind: 'pciif.served', by: 'd0', data: { domid: 1 as never } });
    submit(machine, pciCommands.enable_msix, { value: 1 });
    expect(answer(serve(machine))).toMatchObject({ err: -114 });
  });

  it('gives a late answer to the request that stands in the page by then', () => {
    const machine = connected(NVME);
    submit(machine, pciCommands.conf_read, { offset: 0 });
    machine.step({ kind: 'pciif.taken', by: 'd0', data: { domid: 1 as never } });
    machine.step({ kind: 'pciif.expired', by: 'd1', data: { domid: 1 as never } });
    submit(machine, pciCommands.conf_read, { offset: 8 });
    const events = machine.step({ kind: 'pciif.served', by: 'd0', data: { domid: 1 as never } });
    const returned = events.find((event) => event.kind === 'pciif.returned');
    expect(returned?.data).toMatchObject({ value: 0x0010_1b36 });
    expect(machine.engine.state.pcifront[1]?.page.pending).toBeNull();
  });

  it('refuses a request before the handshake is done', () => {
    const machine = guest('pv', NVME);
    machine.probe(1);
    const events = submit(machine, pciCommands.conf_read);
    expect(events.some((event) => event.kind === 'pciif.refused')).toBe(true);
    expect(answer(serve(machine))).toBeNull();
  });
});
