import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainId, PhysicalAddress } from '../../../src/base/brand.js';
import { errno } from '../../../src/base/errno.js';
import { hex } from '../../../src/base/hex.js';
import type { DataOf, TraceEvent } from '../../../src/events/catalogue.js';
import type { RecordObject } from '../../../src/events/field.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { Machine } from '../libxl/machine.js';

const d = (domid: number): DomainId => domid as DomainId;
const PAGE = 4096;
const SELF = 0x7ff0;
const IO = 0x7ff1;
/** A page table of d1, memory of d1 and of d2; registers of the NVMe disk (recorded machine), its MSI-X table. */
const at = { table: 0x32000000, own: 0x31000000, other: 0x41000000 } as const;
const frames = { registers: 0xfde00, msix: 0xfde02, lapic: 0xfee00, nobody: 0x12345 } as const;
const PRESENT = 0x61;
const RW = 0x2;
const UC = 0x18;

class Guests extends Machine {
  constructor() {
    super({ pciback: false });
    for (const domid of [1, 2]) this.guest(domid, 'pv', `d${domid}`);
    this.guest(3, 'hvm', 'd3');
    const given = [
      [1, at.own, 'ram'],
      [1, at.table, 'page-table'],
      [2, at.other, 'ram'],
    ] as const;
    for (const [owner, address, use] of given) {
      const data = { owner: d(owner), address: address as PhysicalAddress, sizeBytes: PAGE, use };
      this.step({ kind: 'memory.given', by: 'xen', data });
    }
  }

  call(domid: number, hypercall: string, op: string, args: RecordObject): DataOf<'hypercall.returned'> {
    const data = { domid: d(domid), hypercall, op, args };
    const events = this.step({ kind: 'hypercall.issued', by: `d${domid}`, data });
    const returned = events.find((event) => event.kind === 'hypercall.returned');
    return returned!.data as DataOf<'hypercall.returned'>;
  }

  permit(domid: number, frame: number, allow = true): number {
    const args = { domain: domid, first_mfn: frame, nr_mfns: 1, allow_access: allow ? 1 : 0 };
    return this.call(0, 'domctl', 'iomem_permission', args).ret;
  }

  ports(domid: number, first: number, count: number): number {
    const args = { domain: domid, first_port: first, nr_ports: count, allow_access: 1 };
    return this.call(0, 'domctl', 'ioport_permission', args).ret;
  }

  /** Entry `slot` of d1's table. */
  map(frame: number, flags: number, { slot = 0, caller = 1, foreigndom = SELF } = {}): number {
    const reqs = [{ ptr: hex(at.table + 8 * slot), val: hex(frame * PAGE + flags) }];
    return this.call(caller, 'mmu_update', '', { reqs, count: 1, foreigndom }).ret;
  }

  touch(domid: number, space: 'memory' | 'port', address: number, dir: 'read' | 'write', size = 4) {
    const access = { space, address: address as PhysicalAddress, size, dir };
    const data = { domid: d(domid), vcpu: 0, ...access };
    return this.step({ kind: 'registers.touched', by: `d${domid}`, data });
  }

  /** What became of an access to a frame. */
  reach(domid: number, frame: number, dir: 'read' | 'write' = 'read'): string {
    const [, ended] = this.touch(domid, 'memory', frame * PAGE, dir);
    return ended!.kind === 'registers.reached'
      ? ended!.data.through
      : (ended!.data as DataOf<'registers.refused'>).why;
  }
}

describe('an L1 entry', () => {
  it.each([
    ['its registers, uncached', frames.registers, PRESENT | RW | UC, 0],
    ['its registers, asked for cached', frames.registers, PRESENT | RW, 0],
    ['registers of somebody else', frames.registers + 1, PRESENT | RW, -errno.EPERM],
    ['a local APIC', frames.lapic, PRESENT, -errno.EPERM],
    ['no frame at all', 2 ** 40 - 1, PRESENT, -errno.EINVAL],
    ['its memory', at.own / PAGE, PRESENT | RW, 0],
    ['its page table, to read', at.table / PAGE, PRESENT, 0],
    ['its page table, to write', at.table / PAGE, PRESENT | RW, -errno.EBUSY],
    ['memory of somebody else', at.other / PAGE, PRESENT, -errno.EBUSY],
    ['nothing', 0, 0, 0],
  ])('for %s', (_name, frame, flags, ret) => {
    const machine = new Guests();
    expect(machine.permit(1, frames.registers)).toBe(0);
    expect(machine.map(frame, flags)).toBe(ret);
    const isMapped = ret === 0 && (flags & PRESENT) !== 0;
    expect(machine.reach(1, frame)).toBe(isMapped ? 'page-table' : 'not-mapped');
  });

  it('may not choose a memory type in a guest without any device', () => {
    const machine = new Guests();
    expect(machine.map(at.own / PAGE, PRESENT | UC)).toBe(-errno.EINVAL);
    expect(machine.ports(1, 0xc000, 4)).toBe(0);
    expect(machine.map(at.own / PAGE, PRESENT | UC)).toBe(0);
  });

  it('of another domain needs a caller who may, and both permissions', () => {
    const machine = new Guests();
    const foreigndom = (1 + 1) * 0x1_0000 + IO;
    expect(machine.map(frames.registers, PRESENT, { caller: 2, foreigndom })).toBe(-errno.EPERM);
    expect(machine.map(frames.registers, PRESENT, { caller: 0, foreigndom })).toBe(-errno.EPERM);
    machine.permit(1, frames.registers);
    expect(machine.map(frames.registers, PRESENT, { caller: 0, foreigndom })).toBe(0);
    expect(machine.map(frames.lapic, PRESENT, { caller: 0, foreigndom })).toBe(-errno.EPERM);
  });

  it('stops a batch where it is refused', () => {
    const machine = new Guests();
    const reqs = [at.own, at.other, at.own].map((address, slot) => ({
      ptr: hex(at.table + 8 * slot),
      val: hex(address + PRESENT),
    }));
    const answer = machine.call(1, 'mmu_update', '', { reqs, count: 3, foreigndom: SELF });
    expect(answer).toEqual({ ret: -errno.EBUSY, out: { done: 1 } });
  });

  it('is no business of a translated guest, nor of a trace made before', () => {
    const machine = new Guests();
    expect(machine.map(at.own / PAGE, PRESENT, { caller: 3 })).toBe(-errno.ENOSYS);
    expect(currentBehaviour).toContain(9);
  });

  it('can be named by the address it maps', () => {
    const machine = new Guests();
    machine.permit(1, frames.registers);
    const set = (val: number): number =>
      machine.call(1, 'update_va_mapping', '', { va: '0xffffc90000001000', val: hex(val), flags: 0 }).ret;
    expect(set(frames.registers * PAGE + PRESENT)).toBe(0);
    expect(machine.reach(1, frames.registers)).toBe('page-table');
    expect(set(0)).toBe(0);
    expect(machine.reach(1, frames.registers)).toBe('not-mapped');
  });
});

describe('an entry for memory of another domain', () => {
  const setVa = (machine: Guests, caller: number, domid: number, frame: number): number => {
    const args = { va: '0xffffc90000001000', val: hex(frame * PAGE + PRESENT), flags: 0, domid };
    return machine.call(caller, 'update_va_mapping_otherdomain', '', args).ret;
  };

  it('is a control domain’s to ask for, dom_io included where the caller’s own address names it', () => {
    const machine = new Guests();
    machine.permit(1, frames.registers);
    expect(setVa(machine, 1, IO, frames.registers)).toBe(-errno.EPERM);
    expect(setVa(machine, 1, 2, at.other / PAGE)).toBe(-errno.EPERM);
    expect(setVa(machine, 0, IO, frames.registers)).toBe(0);
    expect(setVa(machine, 0, 2, at.other / PAGE)).toBe(0);
    expect(machine.reach(0, at.other / PAGE)).toBe('page-table');
  });

  it('of a translated one leads to the memory that was put there last', () => {
    const machine = new Guests();
    const populate = (target: number): void => {
      const range = { address: 0, target, sizeBytes: PAGE, writable: true };
      const data = { domid: d(3), ...range } as unknown as DataOf<'stage2.populated'>;
      machine.step({ kind: 'stage2.populated', by: 'xen', data });
    };
    populate(0x7000_0000);
    populate(0x7100_0000);
    const given = {
      owner: d(0),
      address: 0x2200_0000 as PhysicalAddress,
      sizeBytes: PAGE,
      use: 'page-table',
    } as const;
    machine.step({ kind: 'memory.given', by: 'xen', data: given });
    const reqs = [{ ptr: hex(0x2200_0000), val: hex(PRESENT) }];
    expect(machine.call(0, 'mmu_update', '', { reqs, count: 1, foreigndom: 3 }).ret).toBe(0);
    expect(machine.reach(0, 0x7100_0)).toBe('page-table');
    expect(machine.reach(0, 0x7000_0)).toBe('not-mapped');
  });
});

describe('an access', () => {
  it('to an MSI-X table that Xen set up is for reading only', () => {
    const machine = new Guests();
    machine.permit(1, frames.msix);
    expect(machine.map(frames.msix, PRESENT | RW | UC, { slot: 1 })).toBe(0);
    expect(machine.reach(1, frames.msix, 'write')).toBe('page-table');
    const prepared = machine.call(0, 'physdev_op', 'prepare_msix', { seg: 0, bus: 1, devfn: 0 });
    expect(prepared.ret).toBe(0);
    // What was mapped before stays writable, as built; a new entry does not.
    expect(machine.reach(1, frames.msix, 'write')).toBe('page-table');
    expect(machine.map(frames.msix, PRESENT | RW | UC, { slot: 1 })).toBe(0);
    expect(machine.reach(1, frames.msix, 'write')).toBe('read-only');
    expect(machine.reach(1, frames.msix)).toBe('page-table');
  });

  it('goes on after the permission is gone, until the entry is', () => {
    const machine = new Guests();
    machine.permit(1, frames.registers);
    machine.map(frames.registers, PRESENT | RW | UC);
    machine.permit(1, frames.registers, false);
    expect(machine.reach(1, frames.registers, 'write')).toBe('page-table');
    machine.map(0, 0);
    expect(machine.reach(1, frames.registers)).toBe('not-mapped');
    expect(machine.map(frames.registers, PRESENT | RW)).toBe(-errno.EPERM);
  });

  it('never reaches a frame that was not its guest’s when it was mapped', () => {
    const all = [...Object.values(frames), at.own / PAGE, at.other / PAGE];
    const frame = fc.constantFrom(...all);
    const permit = fc.record({ is: fc.constant('permit' as const), frame, allow: fc.boolean() });
    const flags = fc.nat(0xff);
    const map = fc.record({ is: fc.constant('map' as const), frame, flags, slot: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(fc.oneof(permit, map), { maxLength: 30 }), (story) => {
        const machine = new Guests();
        const held = new Set<number>([at.own / PAGE]);
        const slots = new Map<number, { frame: number; rights: boolean; writable: boolean }>();
        for (const one of story) {
          if (one.is === 'permit') {
            if (machine.permit(1, one.frame, one.allow) !== 0) continue;
            if (one.allow) held.add(one.frame);
            else held.delete(one.frame);
          } else if (machine.map(one.frame, one.flags, { slot: one.slot }) === 0) {
            const writable = (one.flags & RW) !== 0;
            if ((one.flags & 1) === 0) slots.delete(one.slot);
            else slots.set(one.slot, { frame: one.frame, rights: held.has(one.frame), writable });
          }
        }
        for (const tried of all) {
          const entries = [...slots.values()].filter((slot) => slot.frame === tried);
          const reads = machine.reach(1, tried) === 'page-table';
          expect(reads).toBe(entries.length > 0);
          expect(entries.every(({ rights }) => rights || tried === at.own / PAGE)).toBe(true);
          const writes = machine.reach(1, tried, 'write') === 'page-table';
          expect(writes).toBe(entries.some(({ writable }) => writable));
        }
      }),
    );
  });
});

describe('a port access of a PV guest', () => {
  const parts = (events: readonly TraceEvent[]): string[] =>
    events.slice(1).map((event) => {
      const { address, size } = event.data as DataOf<'registers.refused'>;
      const end = event.kind === 'registers.reached' ? 'xen' : (event.data as { why: string }).why;
      return `${hex(address)}+${size} ${end}`;
    });

  it.each([
    [0xc000, 4, ['0xc000+4 xen']],
    [0xc002, 4, ['0xc002+2 xen', '0xc004+2 no-permission']],
    [0xbfff, 4, ['0xbfff+1 no-permission', '0xc000+2 xen', '0xc002+1 xen']],
    [0xc003, 2, ['0xc003+1 xen', '0xc004+1 no-permission']],
    [0xd000, 2, ['0xd000+2 no-permission']],
    [0xcf8, 4, ['0xcf8+4 emulated']],
    [0xcf8, 1, ['0xcf8+1 no-permission']],
    [0xcfd, 4, ['0xcfd+3 emulated', '0xd00+1 no-permission']],
    [0x71, 1, ['0x71+1 emulated']],
    [0x60, 2, ['0x60+1 no-permission', '0x61+1 emulated']],
  ] as const)('at port %i of %i bytes', (port, size, expected) => {
    const machine = new Guests();
    expect(machine.ports(1, 0xc000, 4)).toBe(0);
    expect(parts(machine.touch(1, 'port', port, 'read', size))).toEqual(expected);
  });
});
