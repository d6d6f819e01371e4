import { describe, expect, it } from 'vitest';
import type { CfgBase, DomainId, PhysicalAddress } from '../../../../src/base/brand.js';
import { errno } from '../../../../src/base/errno.js';
import type { InputDraft, TraceEvent } from '../../../../src/events/catalogue.js';
import { Engine } from '../../../../src/models/engine.js';
import { attachVpci, detachVpci } from '../../../../src/models/xen/vpci/attach.js';
import { GUEST_ECAM } from '../../../../src/models/xen/vpci/windows.js';
import type { CallerSbdf, XenSbdf } from '../../../../src/pci/sbdf.js';
import { networkCard, pvhPc } from '../../../../src/platform/built-in/pvh-pc.js';
import type { Platform } from '../../../../src/platform/platform.js';
import { defaultPolicies } from '../../../../src/policy/axes.js';
import { currentBehaviour } from '../../../../src/policy/behaviours.js';
import { defaultSwitches, type Switches } from '../../../../src/policy/switches.js';
import { hardwareWrites, mappings, only, warnings } from './bench-pvh.js';
import { PlainFunction } from './plain-function.js';

const GUEST = 3 as DomainId;
const WINDOW = 0x4000_0000 as CfgBase;

/** The PC's functions behind an ECAM bridge of an ARM board without an IOMMU. */
const board = (functions = pvhPc().functions): Platform => {
  const pc = pvhPc();
  const bridge = {
    ...pc.bridges[0]!,
    node: '/pcie@40000000',
    compatible: ['pci-host-ecam-generic'],
    access: 'ecam' as const,
    cfgBase: WINDOW,
    isPciNode: true,
    pciDomain: 5,
  };
  return { ...pc, name: 'ecam-board', arch: 'arm64', bridges: [bridge], functions };
};

class BenchArm {
  readonly engine: Engine;

  constructor(
    switches: Partial<Switches> = { 'arm-vpci': 'on' },
    platform = board(),
    behaviour: readonly number[] = currentBehaviour,
  ) {
    this.engine = new Engine({
      platform,
      policies: { ...defaultPolicies, iommu: 'off', 'pci-passthrough': 'on' },
      switches: { ...defaultSwitches, ...switches },
      behaviour,
    });
    this.step({ kind: 'bridge.probed', by: 'xen', data: { by: 'xen', cfgBase: WINDOW, result: 'bound' } });
    this.create(0 as DomainId, true);
    this.create(GUEST, false);
    this.step({ kind: 'bridge.probed', by: 'd0', data: { by: 'dom0', cfgBase: WINDOW, result: 'bound' } });
  }

  step(draft: InputDraft): TraceEvent[] {
    return this.engine.step(draft);
  }

  create(domid: DomainId, hardware: boolean): void {
    const data = {
      domid,
      type: 'arm',
      privileged: hardware,
      hardware,
      target: null,
      name: `d${domid}`,
    } as const;
    this.step({ kind: 'domain.created', by: 'xen', data });
  }

  config(
    domid: DomainId,
    dir: 'read' | 'write',
    sbdf: number,
    reg: number,
    size: number,
    value: number | null = null,
  ) {
    return this.step({
      kind: 'config.requested',
      by: `d${domid}`,
      data: { domid, via: 'ecam', dir, sbdf: sbdf as CallerSbdf, reg, size, value },
    });
  }

  read(reg: number, size: number, slot = 0): number | null {
    return only(this.config(GUEST, 'read', slot << 3, reg, size), 'config.completed').data.value;
  }

  write(reg: number, size: number, value: number): TraceEvent[] {
    return this.config(GUEST, 'write', 0, reg, size, value);
  }

  add(devfn: number): TraceEvent[] {
    const args = { seg: 5, bus: 0, devfn, flags: 0, physfn: { bus: 0, devfn: 0 } };
    return this.step({
      kind: 'hypercall.issued',
      by: 'd0',
      data: { domid: 0 as DomainId, hypercall: 'physdev_op', op: 'pci_device_add', args },
    });
  }
}

/** What assign_device does with vPCI once the IOMMU agreed. */
function attachTo({ engine }: BenchArm, devfn: number): number {
  const name = (0x5_0000 + devfn) as XenSbdf;
  detachVpci(engine, name);
  return attachVpci(engine, name, GUEST);
}

describe('vPCI on ARM', () => {
  it('is off upstream: nobody emulates anything', () => {
    const bench = new BenchArm({});
    bench.add(0x10);
    expect(bench.engine.state.vpci.devices).toEqual({});
    expect(bench.read(0, 4)).toBe(0xffff_ffff);
  });

  it('switched on, the hardware domain reaches the window by address: its own number does not matter', () => {
    const bench = new BenchArm();
    bench.add(0x10);
    expect(bench.engine.state.xen.bridges).toMatchObject([{ cfgBase: WINDOW, segment: 5 }]);
    const own = bench.engine.state.dom0.bridges[0]!.segment;
    const events = bench.config(0 as DomainId, 'read', own * 0x1_0000 + 0x10, 0, 4);
    expect(only(events, 'config.completed').data).toMatchObject({ value: 0x10d3_8086, handledBy: 'vpci' });
  });

  it('refuses a bad access with ones and a data abort', () => {
    const bench = new BenchArm();
    bench.add(0x10);
    const io = (addr: number, size: number) =>
      only(
        bench.step({
          kind: 'io.requested',
          by: 'd0',
          data: {
            domid: 0 as DomainId,
            vcpu: 0,
            space: 'mem',
            addr: addr as PhysicalAddress,
            size,
            dir: 'read',
            count: 1,
            df: false,
            dataIsPtr: false,
            value: null,
            valueHigh: null,
          },
        }),
        'io.completed',
      ).data;
    expect(io(WINDOW + 0x1_0000, 4)).toMatchObject({
      result: 'done',
      value: 0x10d3_8086,
      handledBy: 'vpci:ecam',
    });
    expect(io(WINDOW + 0x1_0001, 4)).toMatchObject({ result: 'abort', value: 0xffff_ffff });
  });
});

describe('an unprivileged owner', () => {
  /** The NIC as the only function, the guest's at 0000:00:00.0. */
  function owned(): BenchArm {
    const bench = new BenchArm();
    bench.add(0x10);
    attachTo(bench, 0x10);
    return bench;
  }

  it('sees COMMAND through a mask and starts without decoding', () => {
    const bench = owned();
    expect(bench.read(4, 2)).toBe(0);
    bench.write(4, 2, 0xffff);
    expect(bench.read(4, 2)).toBe(0x043e);
  });

  // xen/drivers/vpci/header.c, init_header: PCI_COMMAND_SPECIAL is among what is cleared @RELEASE-4.20.0.
  it('starts without special cycles', () => {
    const special = (behaviour?: readonly number[]): number => {
      const functions = pvhPc().functions.map((fn) => ({
        ...fn,
        config: fn.config.map((byte, i) => (i === 4 ? byte | 8 : byte)),
      }));
      const bench = new BenchArm({ 'arm-vpci': 'on' }, board(functions), behaviour);
      bench.add(0x10);
      attachTo(bench, 0x10);
      return bench.read(4, 2)! & 8;
    };
    expect(special()).toBe(0);
    expect(special(currentBehaviour.filter((number) => number !== 15))).toBe(8);
  });

  it('sees STATUS with its reserved bits out and clears only what it writes as 1', () => {
    const bench = owned();
    expect(bench.read(6, 2)).toBe(0x0010);
    expect(hardwareWrites(bench.write(6, 2, 0x8046))).toEqual(['6/2=8010']);
  });

  it('sizes and places its BARs without touching hardware', () => {
    const bench = owned();
    for (const [reg, mask] of [
      [0x10, 0xfffe_0000],
      [0x1c, 0xffff_c000],
    ] as const) {
      expect(hardwareWrites(bench.write(reg, 4, 0xffff_ffff))).toEqual([]);
      expect(bench.read(reg, 4)).toBe(mask);
    }
    bench.write(0x10, 4, 0x2300_0000);
    bench.write(0x1c, 4, 0x2310_0000);
    expect(mappings(bench.write(4, 2, 2))[0]).toBe('+0:23000-2301f');
    expect(warnings(bench.write(0x10, 4, 0))).toEqual(['ignored guest BAR 0 write while mapped']);
  });

  it('has no I/O BAR, no ROM and no empty BAR', () => {
    const bench = owned();
    for (const reg of [0x14, 0x18, 0x20, 0x24, 0x30]) {
      bench.write(reg, 4, 0xffff_ffff);
      expect([reg, bench.read(reg, 4)]).toEqual([reg, 0]);
    }
  });

  it('finds MSI and MSI-X in the list and nothing behind 0x100', () => {
    const bench = owned();
    expect(bench.read(0x34, 1)).toBe(0xd0);
    expect(bench.read(0xd0, 2)).toBe(0xa005);
    expect(bench.read(0xa0, 2)).toBe(0x0011);
    expect(bench.read(0x100, 4)).toBe(0);
    expect(hardwareWrites(bench.write(0x34, 1, 0))).toEqual([]);
  });

  it('reads ones and writes nothing everywhere else', () => {
    const bench = owned();
    expect(bench.read(0, 4)).toBe(0xffff_ffff);
    expect(bench.read(0xc8, 4)).toBe(0xffff_ffff);
    expect(hardwareWrites(bench.write(0xe8, 2, 7))).toEqual([]);
    expect(bench.read(4, 4)).toBe(0x0010_0000);
  });

  it('finds no registers behind MSI on ARM, which has no handlers for them', () => {
    const bench = owned();
    expect(bench.read(0xd2, 2)).toBe(0xffff);
    expect(hardwareWrites(bench.write(0xd2, 2, 1))).toEqual([]);
  });

  it('loses INTx when it turns messages on, where there are handlers', () => {
    for (const [reg, value] of [
      [0xd2, 0x0001],
      [0xa2, 0x8000],
    ] as const) {
      const nic = new PlainFunction(networkCard(2), { isHardwareDomain: false });
      nic.write(0xd4, 4, 0xfee0_0000);
      nic.write(4, 2, 4);
      nic.write(reg, 2, value);
      expect([nic.read(4, 2), nic.hardwareRead(4, 2)]).toEqual([0x0404, 0x0504]);
      nic.write(4, 2, 0);
      expect(nic.read(4, 2)).toBe(0x0400);
    }
  });

  it('is given the lowest free slot of one bus, function 0 only, 32 at most', () => {
    const cards = Array.from({ length: 32 }, (_, slot) => networkCard(slot));
    const more = [...cards, { ...networkCard(0), function: 0x100 as never }, networkCard(1, 1)];
    const bench = new BenchArm({ 'arm-vpci': 'on' }, board(more));
    for (let slot = 0; slot < 32; slot++) attachTo(bench, slot << 3);
    const slots = Object.values(bench.engine.state.vpci.devices).map(({ guestSbdf }) => guestSbdf);
    expect(slots.slice(0, 3)).toEqual([0, 8, 16]);
    expect(new Set(slots).size).toBe(32);
    expect(attachTo(bench, 0x100)).toBe(-errno.ENOSPC);
    expect(attachTo(bench, 0x09)).toBe(-errno.EOPNOTSUPP);
  });

  it('has its window where the guest’s memory map says', () => {
    expect(GUEST_ECAM).toEqual({ base: 0x1000_0000, sizeBytes: 0x1000_0000 });
  });
});
