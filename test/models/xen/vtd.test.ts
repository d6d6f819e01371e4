import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainId, PhysicalAddress } from '../../../src/base/brand.js';
import type { DataOf, TraceEvent } from '../../../src/events/catalogue.js';
import type { RecordObject } from '../../../src/events/field.js';
import { functionId } from '../../../src/pci/function-id.js';
import { bdfOf, type CallerSbdf, parseSbdf, type XenSbdf } from '../../../src/pci/sbdf.js';
import type { Policies } from '../../../src/policy/axes.js';
import { functions, Machine } from '../libxl/machine.js';

const d = (domid: number): DomainId => domid as DomainId;
const at = (address: number): PhysicalAddress => address as PhysicalAddress;
const PAGE = 4096;
/** One page each: Xen's, Dom0's, d1's, a page table of d1, d2's; behind them one nobody has. */
const pages = [
  { owner: null, use: 'ram' },
  { owner: d(0), use: 'ram' },
  { owner: d(1), use: 'ram' },
  { owner: d(1), use: 'page-table' },
  { owner: d(2), use: 'ram' },
] as const;
const names = ['xen', 'd0', 'd1', 'table of d1', 'd2', 'nobody'] as const;

const device = parseSbdf<XenSbdf>(functions.e1000e)!;

class Devices extends Machine {
  constructor(policies: Partial<Policies> = {}) {
    super({ policies, pciback: false });
    for (const domid of [1, 2]) this.guest(domid, 'pv', `d${domid}`);
    pages.forEach(({ owner, use }, i) => {
      const data = { owner, use, address: at(i * PAGE), sizeBytes: PAGE };
      this.step({ kind: 'memory.given', by: 'xen', data });
    });
  }

  give(op: 'assign_device' | 'deassign_device', domain: number): number {
    const args = { domain, dev: 0, flags: 0, machine_sbdf: device };
    const events = this.step({
      kind: 'hypercall.issued',
      by: 'd0',
      data: { domid: d(0), hypercall: 'domctl', op, args },
    });
    const returned = events.find((event) => event.kind === 'hypercall.returned');
    expect(returned).toBeDefined();
    return (returned!.data as DataOf<'hypercall.returned'>).ret;
  }

  master(on: boolean): void {
    const sbdf = device as number as CallerSbdf;
    const value = on ? 0x0107 : 0x0103;
    const data = { domid: d(0), via: 'pv', dir: 'write', sbdf, reg: 4, size: 2, value } as const;
    this.step({ kind: 'config.requested', by: 'd0', data });
  }

  dma(address: number, dir: 'read' | 'write'): TraceEvent[] {
    const data = { function: functionId(0, bdfOf(device)), address: at(address), dir, data: null };
    return this.step({ kind: 'dma.attempted', by: 'hw', data });
  }

  /** Which of the pages a write reaches. */
  reach(): string[] {
    return names.filter((_, i) =>
      this.dma(i * PAGE + 8, 'write').some(({ kind }) => kind === 'memory.reached'),
    );
  }
}

describe('what a device reaches', () => {
  const everything = [...names];
  it.each([
    [{ iommu: 'off' }, 'd0', everything],
    [{}, 'd0', ['d0', 'd1', 'table of d1', 'd2', 'nobody']],
    [{ 'dom0-iommu': 'strict' }, 'd0', ['d0']],
    [{ 'dom0-iommu': 'passthrough' }, 'd0', everything],
    [{}, 'd1', ['d1']],
    [{}, 'd2', ['d2']],
    [{ quarantine: 'basic' }, 'dom_io', []],
    [{ quarantine: 'scratch-page' }, 'dom_io', []],
    [{ quarantine: 'none' }, 'given back', ['d0', 'd1', 'table of d1', 'd2', 'nobody']],
  ] as const)('%o, device of %s', (policies, owner, reached) => {
    const machine = new Devices(policies);
    machine.master(true);
    if (owner === 'd1' || owner === 'd2') expect(machine.give('assign_device', Number(owner[1]))).toBe(0);
    if (owner === 'dom_io' || owner === 'given back') {
      expect(machine.give('assign_device', 1)).toBe(0);
      expect(machine.give('deassign_device', 1)).toBe(0);
    }
    expect(machine.reach()).toEqual(reached);
  });

  it('of a strict Dom0 reaches a page a guest lent it while Dom0 has it mapped', () => {
    const machine = new Devices({ 'dom0-iommu': 'strict' });
    machine.master(true);
    const offered = { domid: d(2), ref: 8, to: d(0), frame: at(4), readonly: true };
    machine.step({ kind: 'grant.offered', by: 'd2', data: offered });
    const grant = (op: string, args: RecordObject): void => {
      const data = { domid: d(0), hypercall: 'grant_table_op', op, args };
      machine.step({ kind: 'hypercall.issued', by: 'd0', data });
    };
    const reads = (): boolean => machine.dma(4 * PAGE, 'read').some(({ kind }) => kind === 'memory.reached');
    expect(reads()).toBe(false);
    grant('map_grant_ref', { dom: 2, ref: 8, flags: 7, host_addr: 0 });
    expect(reads()).toBe(true);
    expect(machine.reach()).toEqual(['d0']);
    // What the guest does with its entry meanwhile changes nothing.
    machine.step({ kind: 'grant.withdrawn', by: 'd2', data: { domid: d(2), ref: 8 } });
    expect(reads()).toBe(true);
    grant('unmap_grant_ref', { handle: 0, host_addr: 0, dev_bus_addr: 0 });
    expect(reads()).toBe(false);
  });

  it('sends nothing while its bus mastering is off', () => {
    const machine = new Devices({ iommu: 'off' });
    machine.master(false);
    expect(machine.reach()).toEqual([]);
  });

  it('is stopped by Xen at the tenth fault of a burst, and counted anew for a new owner', () => {
    const machine = new Devices();
    machine.master(true);
    machine.give('assign_device', 1);
    const isStopped = (events: TraceEvent[]): boolean =>
      events.some(
        ({ kind, data }) =>
          kind === 'config.performed' && (data as DataOf<'config.performed'>).dir === 'write',
      );
    const stops = Array.from({ length: 9 }, () => isStopped(machine.dma(0, 'write')));
    expect(stops).not.toContain(true);
    machine.give('deassign_device', 1);
    machine.give('assign_device', 2);
    expect(Array.from({ length: 10 }, () => isStopped(machine.dma(0, 'write'))).indexOf(true)).toBe(9);
    expect(machine.reach()).toEqual([]);
  });

  it('never reaches what is not its guest’s, whatever moves before', () => {
    const move = fc.record({
      op: fc.constantFrom('assign_device', 'deassign_device'),
      domid: fc.constantFrom(0, 1, 2, 0x7ff1),
    });
    const request = fc.record({ page: fc.nat(5), dir: fc.constantFrom('read', 'write') });
    fc.assert(
      fc.property(fc.array(fc.oneof(move, request), { maxLength: 40 }), (story) => {
        const machine = new Devices();
        for (const one of story) {
          machine.master(true);
          if ('op' in one) {
            machine.give(one.op as 'assign_device', one.domid);
            continue;
          }
          const owner = machine.engine.state.xen.devices[device]?.owner;
          for (const event of machine.dma(one.page * PAGE, one.dir as 'read')) {
            if (event.kind !== 'memory.reached') continue;
            if (owner === 0) expect(event.data.whose).not.toBe('xen');
            else expect(event.data).toMatchObject({ whose: 'guest', owner });
          }
        }
      }),
    );
  });
});
