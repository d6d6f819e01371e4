import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import type { InputDraft } from '../../events/catalogue.js';
import type { Followed, MachineView, Program, Step } from '../../machine/program.js';
import { functionBdf } from '../../pci/function-id.js';
import { busOf, type CallerSbdf, devfnOf } from '../../pci/sbdf.js';

/** Part of a program: yields steps, gets back what followed. */
export type Part<T = void> = Generator<Step, T, Followed>;

const dom0 = 0 as DomainId;

/** Xen builds a PVH hardware domain and scans the buses: every function gets its vPCI. @source facts/xen 3.1, 5.1 */
export const bootPvh: Program = function* () {
  yield {
    kind: 'domain.created',
    by: 'xen',
    data: { domid: dom0, type: 'pvh', privileged: true, hardware: true, target: null, name: 'Domain-0' },
  };
  yield { kind: 'xen.booted', by: 'xen', data: { domid: dom0 } };
};

/** Names of the functions Xen knows, ascending; the hardware domain of a PC has the same. */
export const namesOf = ({ state }: MachineView): number[] => Object.keys(state.xen.devices).map(Number);

export const untilBooted: Step = { until: (state) => Object.keys(state.xen.devices).length > 0 };

function request(domid: DomainId, name: number, reg: number, size: number, value: number | null): InputDraft {
  return {
    kind: 'config.requested',
    by: `d${domid}`,
    data: {
      domid,
      via: reg + size <= 256 && domid === dom0 ? 'cf8' : 'ecam',
      dir: value === null ? 'read' : 'write',
      sbdf: name as CallerSbdf,
      reg,
      size,
      value,
    },
  };
}

/** One read; all ones when nothing came of it. */
export function* read(name: number, reg: number, size: number, domid = dom0): Part<number> {
  const followed = yield request(domid, name, reg, size, null);
  const completed = followed.find((event) => event.kind === 'config.completed');
  return completed?.kind === 'config.completed' && completed.data.value !== null
    ? completed.data.value
    : 2 ** (8 * size) - 1;
}

export function* write(name: number, reg: number, size: number, value: number, domid = dom0): Part {
  yield request(domid, name, reg, size, value);
}

/** A 32-bit store to memory that Xen traps, as an MSI-X table is. */
export function* store(addr: number, value: number): Part {
  yield {
    kind: 'io.requested',
    by: 'd0',
    data: {
      domid: dom0,
      vcpu: 0,
      space: 'mem',
      addr: addr as PhysicalAddress,
      size: 4,
      dir: 'write',
      count: 1,
      df: false,
      dataIsPtr: false,
      value,
      valueHigh: null,
    },
  };
}

/** Linux enumerates a function: identity, BARs sized with memory decoding off, capabilities; then it tells Xen. */
export function* enumerate(name: number): Part {
  if ((yield* read(name, 0x00, 4)) === 0xffff_ffff) return;
  const layout = (yield* read(name, 0x0e, 1)) & 0x7f;
  yield* read(name, 0x08, 4);
  const command = yield* read(name, 0x04, 2);
  for (let reg = 0x10; reg < (layout === 0 ? 0x28 : 0x18); reg += 4)
    yield* size(name, reg, command, 0xffff_ffff);
  yield* size(name, layout === 0 ? 0x30 : 0x38, command, 0xffff_f800);
  if (((yield* read(name, 0x06, 2)) & 0x10) !== 0) {
    let at = yield* read(name, 0x34, 1);
    for (let step = 0; step < 48 && at >= 0x40; step++) at = (yield* read(name, at, 2)) >>> 8;
  }
  yield* read(name, 0x100, 4);
  yield deviceAdd(name);
}

function* size(name: number, reg: number, command: number, probe: number): Part {
  const old = yield* read(name, reg, 4);
  if ((command & 2) !== 0) yield* write(name, 0x04, 2, command & ~2);
  yield* write(name, reg, 4, probe);
  yield* read(name, reg, 4);
  yield* write(name, reg, 4, old);
  if ((command & 2) !== 0) yield* write(name, 0x04, 2, command);
}

/** PHYSDEVOP_pci_device_add of a plain function. @source facts/xen 2.1 */
function deviceAdd(name: number): InputDraft {
  const bdf = functionBdf(name as never);
  return {
    kind: 'hypercall.issued',
    by: 'd0',
    data: {
      domid: dom0,
      hypercall: 'physdev_op',
      op: 'pci_device_add',
      args: { seg: 0, bus: busOf(bdf), devfn: devfnOf(bdf), flags: 0, physfn: { bus: 0, devfn: 0 } },
    },
  };
}
