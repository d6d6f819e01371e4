import type { CfgBase, DomainId, PhysicalAddress } from '../../base/brand.js';
import type { InputDraft } from '../../events/catalogue.js';
import type { Followed, MachineView, Program, Step } from '../../machine/program.js';
import { bridgeOf, type FunctionId, functionBdf } from '../../pci/function-id.js';
import { busOf, type CallerSbdf, devfnOf, sbdf } from '../../pci/sbdf.js';
import type { HostBridge } from '../../platform/platform.js';
import { has } from '../../policy/has.js';

/** Part of a program: yields steps, gets back what followed. */
export type Part<T = void> = Generator<Step, T, Followed>;

export const dom0: DomainId = 0 as DomainId;
export const domU: DomainId = 1 as DomainId;

/** Memory of Dom0, mapped 1:1. */
const DOM0_MEMORY = 0x4000_0000;
const DOM0_MEMORY_BYTES = 0x2000_0000;

/** Xen boots: probes the tree's bridges in flattened order, then builds Dom0. @source facts/xen 3.4 */
export const bootXen: Program = function* (machine) {
  const { arch, bridges } = machine.env.platform;
  // On x86 firmware names the segments and Xen probes no bridge. @source facts/xen 3.3
  for (const { cfgBase } of arch === 'arm64' ? bridges : []) {
    yield { kind: 'bridge.probed', by: 'xen', data: { by: 'xen', cfgBase, result: 'bound' } };
    if (machine.state.xen.panicked !== null) return;
  }
  yield createDomain(machine, dom0, 'Domain-0');
  if (arch === 'arm64') yield memory(dom0, DOM0_MEMORY, DOM0_MEMORY, DOM0_MEMORY_BYTES);
};

function createDomain({ env }: MachineView, domid: DomainId, name: string): InputDraft {
  const control = domid === 0;
  const type = env.platform.arch === 'arm64' ? 'arm' : control ? 'pv' : 'hvm';
  return {
    kind: 'domain.created',
    by: control ? 'xen' : 'toolstack',
    data: { domid, type, privileged: control, hardware: control, target: null, name },
  };
}

export const untilDom0: Step = { until: (state) => state.domains[0] !== undefined };

/** Dom0's driver binds one bridge and Linux scans what is behind it. @source facts/dom0 2.1 */
export function* bindAndScan(machine: MachineView, bridge: HostBridge): Part {
  yield* probe(bridge.cfgBase, 'bound');
  for (const fn of presentBehind(machine, bridge)) yield* announce(machine, fn);
}

export function* probe(cfgBase: CfgBase, result: 'bound' | 'deferred' | 'failed'): Part {
  yield { kind: 'bridge.probed', by: 'd0', data: { by: 'dom0', cfgBase, result } };
}

/** Functions present behind a bridge, in BDF order. */
export function presentBehind({ env, state }: MachineView, bridge: HostBridge): FunctionId[] {
  const index = env.platform.bridges.indexOf(bridge);
  return env.platform.functions
    .map((fn) => fn.function)
    .filter((fn) => bridgeOf(fn) === index && state.hw.present[fn] === true)
    .sort((a, b) => a - b);
}

/** Dom0's own name for a function; null while its bridge has no number there. */
export function dom0NameOf({ env, state }: MachineView, fn: FunctionId): CallerSbdf | null {
  const cfgBase = env.platform.bridges[bridgeOf(fn)]?.cfgBase;
  const held = state.dom0.bridges.find((bridge) => bridge.cfgBase === cfgBase);
  return held === undefined ? null : sbdf<CallerSbdf>(held.segment, functionBdf(fn));
}

/** Linux reads the identity of a function it scans, then tells Xen of it. @source facts/dom0 2.1, 2.2 */
export function* announce(machine: MachineView, fn: FunctionId): Part {
  const name = dom0NameOf(machine, fn);
  if (name === null) return;
  for (const [reg, size] of [
    [0x00, 4],
    [0x08, 4],
    [0x0e, 1],
  ] as const) {
    yield {
      kind: 'config.requested',
      by: 'd0',
      data: { domid: dom0, via: 'direct', dir: 'read', sbdf: name, reg, size, value: null },
    };
  }
  const segment = Math.floor(name / 0x1_0000);
  // Kernels with the check do not tell Xen of a domain its interface cannot carry. @source facts/dom0 2.2
  if (segment > 0xffff && has(machine.env, 'refuses-wide-segments')) return;
  yield deviceAdd(segment & 0xffff, fn);
}

/** PHYSDEVOP_pci_device_add as Dom0 makes it for a plain function. @source facts/xen 2.1 */
export function deviceAdd(segment: number, fn: FunctionId): InputDraft {
  const bdf = functionBdf(fn);
  return {
    kind: 'hypercall.issued',
    by: 'd0',
    data: {
      domid: dom0,
      hypercall: 'physdev_op',
      op: 'pci_device_add',
      args: { seg: segment, bus: busOf(bdf), devfn: devfnOf(bdf), flags: 0, physfn: { bus: 0, devfn: 0 } },
    },
  };
}

/** PHYSDEVOP_pci_device_remove as Dom0 makes it when a device goes. */
export function deviceRemove(name: CallerSbdf): InputDraft {
  return {
    kind: 'hypercall.issued',
    by: 'd0',
    data: {
      domid: dom0,
      hypercall: 'physdev_op',
      op: 'pci_device_remove',
      args: { seg: Math.floor(name / 0x1_0000), bus: busOf(name), devfn: devfnOf(name) },
    },
  };
}

/** The toolstack creates a guest and gives it the function Dom0 calls so. @source facts/xen 7.1, 7.2 */
export function* assignToGuest(machine: MachineView, fn: FunctionId): Part {
  yield createDomain(machine, domU, 'guest');
  const name = dom0NameOf(machine, fn);
  if (name === null) return;
  yield {
    kind: 'hypercall.issued',
    by: 'd0',
    data: {
      domid: dom0,
      hypercall: 'domctl',
      op: 'assign_device',
      args: { domain: domU, dev: 0, flags: 0, pci: { machine_sbdf: name } },
    },
  };
}

export function dma(fn: FunctionId, address: number, dir: 'read' | 'write'): InputDraft {
  return {
    kind: 'dma.attempted',
    by: 'hw',
    data: { function: fn, address: address as PhysicalAddress, dir, data: null },
  };
}

/** Xen backs a range of a domain's guest physical memory with RAM. */
export function memory(domid: DomainId, address: number, target: number, sizeBytes: number): InputDraft {
  return {
    kind: 'stage2.populated',
    by: 'xen',
    data: {
      domid,
      address: address as PhysicalAddress,
      target: target as PhysicalAddress,
      sizeBytes: sizeBytes as PhysicalAddress,
      writable: true,
    },
  };
}

export function msi(fn: FunctionId, address: number, data: number): InputDraft {
  return { kind: 'msi.written', by: 'hw', data: { function: fn, address: address as PhysicalAddress, data } };
}
