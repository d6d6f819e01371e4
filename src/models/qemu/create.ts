import { chipsetWritten } from './chipset/written.js';
import { updateMappings } from './function/mapping.js';
import { resetFunction } from './function/reset.js';
import { type FunctionBytes, type FunctionImage, functionImage, virtualFunctionBytes } from './image.js';
import { type Board, imageOf, type QemuMachine, rootBusOf, type Wiring } from './machine.js';
import { announceVirtual } from './plugging/hotplug.js';
import { addFunction } from './plugging/plug.js';
import { resetShpc } from './plugging/shpc.js';
import { closedToHotplug } from './plugging/slot.js';
import { writeFromBus } from './space/access.js';
import type { MachineState } from './state.js';

/** A function of the start: what it is, how it is called and where it sits. */
export interface PlacedFunction extends FunctionBytes {
  readonly id: string;
  /** Index of the bridge it is behind, in the same list; null on the root bus. */
  readonly parent: number | null;
  readonly devfn: number;
  /** An expander: number of the root bus behind it. */
  readonly rootBus?: number;
}

export interface MachineDescription {
  readonly board: Board;
  /** In creation order, bridges before what is behind them: later bridges are searched first. */
  readonly functions: readonly PlacedFunction[];
  /** Functions that may be added while the machine runs. */
  readonly pluggable: readonly FunctionBytes[];
}

const wiring: Wiring = { store: writeFromBus, powerLost: resetFunction, announceVirtual };

/** A machine as it stands before its first instruction. @cost O(configuration bytes) */
export function createMachine(description: MachineDescription): QemuMachine {
  const { board } = description;
  const machine: QemuMachine = {
    board,
    images: withVirtualFunctions([...description.functions, ...description.pluggable].map(functionImage)),
    state: initialState(board),
    wiring,
    effects: [],
    observer: null,
  };
  description.functions.forEach((placed, image) => {
    const bus = placed.parent === null ? 0 : (machine.state.functions[placed.parent]!.secondary ?? 0);
    addFunction(machine, {
      image,
      id: placed.id,
      bus,
      devfn: placed.devfn,
      hotplugged: false,
      ...(placed.rootBus === undefined ? {} : { rootBus: placed.rootBus }),
    });
  });
  for (const fn of machine.state.functions) {
    if (fn === null) continue;
    if (imageOf(machine, fn).shpc !== null && fn.secondary !== null) resetShpc(machine, fn);
    updateMappings(machine, fn);
    if (DERIVED.has(imageOf(machine, fn).type)) {
      chipsetWritten(machine, fn, 0, imageOf(machine, fn).config.length);
    }
  }
  machine.state.bsel = hotplugSelectors(machine);
  machine.effects.length = 0;
  return machine;
}

/** The images, and behind them one for the virtual functions of each that has SR-IOV. */
function withVirtualFunctions(images: readonly FunctionImage[]): FunctionImage[] {
  const all = [...images];
  images.forEach((image, index) => {
    if (image.sriov === null) return;
    all[index] = { ...image, virtualFunction: all.length };
    all.push(functionImage(virtualFunctionBytes(image)));
  });
  return all;
}

/** Functions whose registers shape the machine from the start. */
const DERIVED = new Set(['mch', 'ICH9-LPC', 'i440FX', 'PIIX4_PM']);

const MIB = 0x10_0000;

function initialState(board: Board): MachineState {
  const virtEcam = board.lowMemoryOnly
    ? { base: 0x3f00_0000, sizeBytes: 16 * MIB }
    : { base: 0x40_1000_0000, sizeBytes: 256 * MIB };
  return {
    functions: [],
    buses: [{ bridge: null, number: 0, devices: {}, children: [] }],
    order: 0,
    mapVersion: 0,
    configAddress: 0,
    resetControl: 0,
    keyboardCommand: 0,
    ecam: board.kind === 'virt' ? virtEcam : null,
    pirqCount: Array.from({ length: board.kind === 'q35' ? 8 : 4 }, () => 0),
    piixLevels: {},
    irqLevels: {},
    ram: {},
    flashCommanded: false,
    cpuHotplugSwitched: false,
    pam: Array.from({ length: 13 }, () => 0),
    smramHidden: true,
    openHighSmram: false,
    tsegBytes: 0,
    smbaseLocked: false,
    rcba: null,
    chipConfig: {},
    pmBase: null,
    smbusBase: null,
    pm: {
      status: 0,
      enable: 0,
      control: 0,
      timerDue: true,
      gpe: {},
      smiEnable: 0,
      smiEnableWritable: 0xffff_ffff,
      tco: {},
      sciLevel: false,
      sciIrq: 9,
      apmCommand: 0,
      apmStatus: 0,
    },
    acpiHotplug: { select: 0, up: {}, down: {} },
    bsel: [],
  };
}

/**
 * Buses that take hot-plugged devices, depth first, newest first: pc's root bus and everything behind a bridge of the
 * start. Below an expander only what has a controller of its own.
 */
function hotplugSelectors(machine: QemuMachine): number[] {
  const { kind, nativeHotplug } = machine.board;
  if (kind === 'virt' || nativeHotplug) return [];
  const selectors: number[] = kind === 'pc' ? [0] : [];
  const walk = (bus: number): void => {
    for (const child of machine.state.buses[bus]!.children) {
      if (takesDevices(machine, child)) selectors.push(child);
      walk(child);
    }
  };
  walk(0);
  return selectors;
}

function takesDevices(machine: QemuMachine, bus: number): boolean {
  const { bridge, number } = machine.state.buses[bus]!;
  if (number !== null || bridge === null) return false;
  const port = machine.state.functions[bridge]!;
  const image = imageOf(machine, port);
  if (rootBusOf(machine, bus) === 0) return !closedToHotplug(machine, port);
  return image.hasSlot || image.shpc !== null;
}
