import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import { Engine } from '../../../src/models/engine.js';
import { readConfig } from '../../../src/models/hardware/config-space.js';
import { pciCommands } from '../../../src/models/linux/pciif/page.js';
import type { FunctionId } from '../../../src/pci/function-id.js';
import { type Dom0Sbdf, type GuestSbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { functions, Machine } from '../libxl/machine.js';

const GUEST = 1 as DomainId;
const named = (name: string): Dom0Sbdf => parseSbdf<Dom0Sbdf>(name)!;

/** A guest of that type has the device. */
function held(name: string, type: 'pv' | 'hvm'): Machine {
  const machine = new Machine();
  machine.run('assignable-add', null, name);
  machine.guest(GUEST, type, 'guest1');
  machine.run('create', GUEST, name);
  machine.settle();
  if (type === 'pv') machine.probe(GUEST);
  machine.settle();
  return machine;
}

/** A request of the guest through the shared page. */
function ask(machine: Machine, cmd: number, offset: number, size: number, value: number): void {
  const data = { domid: GUEST, cmd, sbdf: 0 as GuestSbdf, offset, size, value };
  machine.step({ kind: 'pciif.submitted', by: 'd1', data });
  machine.step({ kind: 'pciif.taken', by: 'd0', data: { domid: GUEST } });
  machine.step({ kind: 'pciif.served', by: 'd0', data: { domid: GUEST } });
}

/** Dom0 writes a register by hand, as QEMU does for its guest. */
function write(machine: Machine, name: string, reg: number, size: number, value: number): void {
  const data = {
    domid: 0 as DomainId,
    via: 'pv',
    dir: 'write',
    sbdf: named(name) as never,
    reg,
    size,
    value,
  } as const;
  machine.step({ kind: 'config.requested', by: 'd0', data });
}

function mapMessage(machine: Machine, type: number, bus: number): void {
  const args = { domid: GUEST, type, index: -1, pirq: -1, bus, devfn: 0, entry_nr: 0, table_base: 0 };
  const data = { domid: 0 as DomainId, hypercall: 'physdev_op', op: 'map_pirq', args };
  machine.step({ kind: 'hypercall.issued', by: 'd0', data });
}

/** What is said of a device after a sleep. */
function sleep(machine: Machine, name: string) {
  const asleep = machine.step({ kind: 'host.slept', by: 'd0', data: { state: 3 } });
  const awake = machine.step({ kind: 'host.woke', by: 'hw', data: {} });
  const events = [...asleep, ...awake];
  return {
    events,
    woke: events.flatMap((event) =>
      event.kind === 'linux.device-woke' && event.data.sbdf === named(name) ? [event.data] : [],
    ),
    asked: events.flatMap((event) => (event.kind === 'hypercall.entered' ? [event.data.op] : [])),
  };
}

const header = (machine: Machine, name: string): readonly number[] => {
  const fn = machine.engine.state.linux.devices[named(name)]!.function as FunctionId;
  return Array.from({ length: 16 }, (_, i) => readConfig(machine.engine, fn, 4 * i, 4));
};

describe('a sleep of the host', () => {
  it('gives a PV guest its header, bus mastering and MSI-X back', () => {
    const machine = held(functions.nvme, 'pv');
    ask(machine, pciCommands.conf_write, 4, 2, 6);
    ask(machine, pciCommands.enable_msix, 0, 4, 2);
    const before = header(machine, functions.nvme);
    const { woke, asked } = sleep(machine, functions.nvme);
    expect(header(machine, functions.nvme)).toEqual(before);
    expect(woke).toMatchObject([{ domid: GUEST, registers: '', messages: 'restored' }]);
    expect(asked).toEqual(['enter_acpi_sleep', 'restore_msi_ext']);
  });

  it('takes bus mastering of an enabled device before its registers are saved', () => {
    const machine = held(functions.nvme, 'pv');
    ask(machine, pciCommands.conf_write, 4, 2, 6);
    const { events } = sleep(machine, functions.nvme);
    const saved = events.find(
      (event) => event.kind === 'linux.state-saved' && event.data.sbdf === named(functions.nvme),
    );
    expect(saved).toMatchObject({ data: { saved: { 4: 0x0010_0103 } } });
  });

  it('leaves the MSI of an HVM guest off, and nobody asks Xen', () => {
    const machine = held(functions.e1000e, 'hvm');
    mapMessage(machine, 0, 4);
    write(machine, functions.e1000e, 0xd2, 2, 0x81);
    const { woke, asked } = sleep(machine, functions.e1000e);
    expect(woke).toMatchObject([{ domid: GUEST, registers: '0xd0', messages: 'lost' }]);
    expect(asked).toEqual(['enter_acpi_sleep']);
  });

  it('changes nothing that Xen or XenStore has', () => {
    const machine = held(functions.nvme, 'pv');
    ask(machine, pciCommands.enable_msix, 0, 4, 2);
    const kept = () => {
      const { xen, irq, permissions, vtd, evtchn, xenstore, pciback, pcifront } = machine.engine.state;
      return JSON.stringify({ xen, irq, permissions, vtd, evtchn, xenstore, pciback, pcifront });
    };
    const before = kept();
    sleep(machine, functions.nvme);
    expect(kept()).toBe(before);
  });

  it('brings back the header, whatever was written to it', () => {
    const registers = fc.constantFrom(0x04, 0x0c, 0x10, 0x14, 0x18, 0x1c, 0x30, 0x3c);
    const writes = fc.array(fc.tuple(registers, fc.nat(0xffff_ffff)), { maxLength: 12 });
    fc.assert(
      fc.property(writes, fc.constantFrom(functions.e1000e, functions.bridge), (written, name) => {
        const machine = new Machine();
        for (const [reg, value] of written) write(machine, name, reg, 4, value);
        const before = header(machine, name);
        const { events } = sleep(machine, name);
        expect(events.some((event) => event.kind === 'function.lost-power')).toBe(true);
        expect(header(machine, name)).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });

  it('is not repeated while the machine sleeps, and does not end while it is awake', () => {
    const machine = held(functions.nvme, 'pv');
    expect(machine.step({ kind: 'host.woke', by: 'hw', data: {} })).toHaveLength(1);
    machine.step({ kind: 'host.slept', by: 'd0', data: { state: 3 } });
    expect(machine.step({ kind: 'host.slept', by: 'd0', data: { state: 3 } })).toHaveLength(1);
  });
});

describe('XENPF_enter_acpi_sleep', () => {
  it.each([
    ['of a guest', GUEST, { sleep_state: 3 }, -1],
    ['of a state other than S3', 0, { sleep_state: 4 }, -22],
    ['with flags', 0, { sleep_state: 3, flags: 2 }, -22],
    ['with two registers that disagree', 0, { sleep_state: 3, val_a: 0x2000, val_b: 1 }, -22],
    ['of Dom0', 0, { sleep_state: 3, val_a: 0x2000 }, 0],
  ])('%s', (_why, domid, given, ret) => {
    const machine = held(functions.nvme, 'pv');
    const args = { flags: 0, val_a: 0, val_b: 0, ...given };
    const data = { domid: domid as DomainId, hypercall: 'platform_op', op: 'enter_acpi_sleep', args };
    const events = machine.step({ kind: 'hypercall.issued', by: `d${domid}`, data });
    expect(events.find((event) => event.kind === 'hypercall.returned')).toMatchObject({ data: { ret } });
    expect(machine.engine.state.sleep.state).toBe(ret === 0 ? 3 : 0);
  });

  it('is unknown to traces of before, and so is the logging of writes', () => {
    const { env } = new Machine().engine;
    const engine = new Engine({ ...env, behaviour: env.behaviour.filter((one) => one !== 8) });
    const domid = 0 as DomainId;
    const dom0 = { domid, type: 'pv', privileged: true, hardware: true, target: null, name: '' } as const;
    engine.step({ kind: 'domain.created', by: 'xen', data: dom0 });
    for (const [hypercall, op, args] of [
      ['platform_op', 'enter_acpi_sleep', { sleep_state: 3, flags: 0, val_a: 0, val_b: 0 }],
      ['domctl', 'shadow_op', { domain: 0, op: 2, mode: 0 }],
    ] as const) {
      const data = { domid, hypercall, op, args };
      const events = engine.step({ kind: 'hypercall.issued', by: 'd0', data });
      expect(events.at(-1)).toMatchObject({ kind: 'hypercall.returned', data: { ret: -38 } });
    }
  });

  it('that is refused leaves every device as it was', () => {
    const machine = held(functions.nvme, 'pv');
    ask(machine, pciCommands.conf_write, 4, 2, 6);
    const before = header(machine, functions.nvme);
    const events = machine.step({ kind: 'host.slept', by: 'd0', data: { state: 5 } });
    expect(events.some((event) => event.kind === 'function.lost-power')).toBe(false);
    expect(header(machine, functions.nvme)).toEqual(before);
  });
});
