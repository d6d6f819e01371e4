import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainId, PhysicalAddress } from '../../../src/base/brand.js';
import type { DataOf, InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import { Engine } from '../../../src/models/engine.js';
import { defaultPolicies, type Policies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { e1000e, functionOf, machineWith, packed } from '../../../src/scenarios/toolstack/functions.js';

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

class Machine {
  readonly engine: Engine;

  constructor(policies: Partial<Policies> = {}) {
    this.engine = new Engine({
      platform: machineWith([e1000e]),
      policies: { ...defaultPolicies, ...policies },
      switches: defaultSwitches,
      behaviour: currentBehaviour,
    } as never);
    for (const domid of [0, 1, 2]) {
      const hardware = domid === 0;
      const data = {
        domid: d(domid),
        type: 'pv',
        privileged: hardware,
        hardware,
        target: null,
        name: `d${domid}`,
      } as const;
      this.step({ kind: 'domain.created', by: 'xen', data });
    }
    this.step({ kind: 'xen.booted', by: 'xen', data: { domid: d(0) } });
    pages.forEach(({ owner, use }, i) => {
      this.step({
        kind: 'memory.given',
        by: 'xen',
        data: { owner, use, address: at(i * PAGE), sizeBytes: PAGE },
      });
    });
  }

  step(draft: InputDraft): TraceEvent[] {
    return this.engine.step(draft);
  }

  give(op: 'assign_device' | 'deassign_device', domain: number): number {
    const args = { domain, dev: 0, flags: 0, machine_sbdf: packed(e1000e) };
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
    const data = { function: functionOf(e1000e), reg: 4, value: on ? 0x0010_0107 : 0x0010_0103 };
    this.step({
      kind: 'config.requested',
      by: 'd0',
      data: {
        domid: d(0),
        via: 'pv',
        dir: 'write',
        sbdf: packed(e1000e) as never,
        reg: 4,
        size: 2,
        value: data.value & 0xffff,
      },
    });
  }

  dma(address: number, dir: 'read' | 'write'): TraceEvent[] {
    const data = { function: functionOf(e1000e), address: at(address), dir, data: null };
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
    const machine = new Machine(policies);
    machine.master(true);
    if (owner === 'd1' || owner === 'd2') expect(machine.give('assign_device', Number(owner[1]))).toBe(0);
    if (owner === 'dom_io' || owner === 'given back') {
      expect(machine.give('assign_device', 1)).toBe(0);
      expect(machine.give('deassign_device', 1)).toBe(0);
    }
    expect(machine.reach()).toEqual(reached);
  });

  it('sends nothing while its bus mastering is off', () => {
    const machine = new Machine({ iommu: 'off' });
    machine.master(false);
    expect(machine.reach()).toEqual([]);
  });

  it('is stopped by Xen at the tenth fault of a burst, and counted anew for a new owner', () => {
    const machine = new Machine();
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
        const machine = new Machine();
        for (const one of story) {
          machine.master(true);
          if ('op' in one) {
            machine.give(one.op as 'assign_device', one.domid);
            continue;
          }
          const owner = machine.engine.state.xen.devices[packed(e1000e)]?.owner;
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
