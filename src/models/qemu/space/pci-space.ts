import { barType } from '../../../pci/header.js';
import { barTarget } from '../devices/bar-content.js';
import type { BarImage } from '../image.js';
import { functionsOn, imageOf, type QemuMachine } from '../machine.js';
import type { Target } from '../region.js';
import type { FunctionState, MachineState } from '../state.js';

/** Addresses of one kind behind a bus. */
export type Space = 'memory' | 'io';

/**
 * What answers at an address of a bus: BARs of its functions and windows of its bridges, the one mapped last first;
 * a window or BAR with nothing at the address lets the next one answer. Null when nothing does.
 * @source facts/q35-qemu 2.3
 * @cost O(regions mapped on the bus) per level of bridges
 */
export function pciTarget(machine: QemuMachine, bus: number, space: Space, address: number): Target | null {
  const layers = layersOf(machine, bus, space);
  for (let i = 0; i < layers.length; i++) {
    const { base, sizeBytes, fn, bar } = layers[i]!;
    if (address < base || address - base >= sizeBytes) continue;
    const target =
      bar === null
        ? pciTarget(machine, fn.secondary!, space, address)
        : barTarget(machine, fn, bar, address - base);
    if (target !== null) return target;
  }
  return null;
}

/** One mapped region of a bus: a BAR, or a window (`bar` null) onto the bridge's other side. */
interface Layer {
  readonly order: number;
  readonly base: number;
  readonly sizeBytes: number;
  readonly fn: FunctionState;
  readonly bar: BarImage | null;
}

interface View {
  version: number;
  /** By bus, memory and I/O apart. */
  readonly memory: (readonly Layer[] | undefined)[];
  readonly io: (readonly Layer[] | undefined)[];
}

/** Derived from states, kept outside them; `mapVersion` says when a view is stale. */
const views = new WeakMap<MachineState, View>();

function layersOf(machine: QemuMachine, bus: number, space: Space): readonly Layer[] {
  const { state } = machine;
  let view = views.get(state);
  if (view === undefined || view.version !== state.mapVersion) {
    view = { version: state.mapVersion, memory: [], io: [] };
    views.set(state, view);
  }
  let layers = view[space][bus];
  if (layers === undefined) {
    layers = [...mappedOn(machine, bus, space)].sort((a, b) => b.order - a.order);
    view[space][bus] = layers;
  }
  return layers;
}

/** Legacy VGA ranges a bridge forwards: memory, and two of ports. */
const VGA = {
  memory: [[0xa_0000, 0x2_0000]],
  io: [
    [0x3b0, 0x0c],
    [0x3c0, 0x20],
  ],
} as const;

function* mappedOn(machine: QemuMachine, bus: number, space: Space): Generator<Layer> {
  for (const fn of functionsOn(machine, bus)) {
    for (const bar of imageOf(machine, fn).bars) {
      const mapped = fn.bars[bar.index];
      if (mapped === undefined || ((bar.type & barType.io) !== 0) !== (space === 'io')) continue;
      yield { order: mapped.order, base: mapped.base, sizeBytes: bar.sizeBytes, fn, bar };
    }
    const { windows } = fn;
    if (fn.secondary === null) continue;
    if (windows === null) {
      // An expander's bus shares the address space of the bus the expander is on.
      yield* mappedOn(machine, fn.secondary, space);
      continue;
    }
    const onto = { fn, bar: null };
    if (space === 'memory') {
      yield { order: windows.order, ...windows.prefetchable, ...onto };
      yield { order: windows.order + 1, ...windows.memory, ...onto };
    } else {
      yield { order: windows.order + 2, ...windows.io, ...onto };
    }
    if (!(space === 'memory' ? windows.vgaMemory : windows.vgaIo)) continue;
    for (const [base, sizeBytes] of VGA[space]) yield { order: windows.order + 3, base, sizeBytes, ...onto };
  }
}
