import type { Window } from '../../pci/windows.js';

/** A region as mapped right now. Among equals the highest `order` (added last) answers. @source facts/q35-qemu 2.3 */
export interface BarMapping {
  base: number;
  order: number;
}

/**
 * A bridge's windows as last rebuilt: a snapshot, not a view of the registers, because a reset changes the registers
 * without rebuilding. Orders: prefetchable `order`, memory +1, I/O +2, VGA +3.
 * @source facts/q35-qemu 2.3, 2.5
 */
export interface BridgeWindows {
  prefetchable: Window;
  memory: Window;
  io: Window;
  order: number;
  /** VGA ranges were registered by BRIDGE_CONTROL bit 3 at the last rebuild. */
  vga: boolean;
  vgaMemory: boolean;
  vgaIo: boolean;
}

/** One queued header of a function that records several errors. @source facts/q35-qemu 2.9 */
export interface AerLogEntry {
  status: number;
  header: number[] | null;
  prefix: number[] | null;
}

/** One function. Configuration bytes are kept as the dwords that left their power-on value. */
export interface FunctionState {
  /** Index into the machine's images. */
  image: number;
  /** Name given with `id=`; empty when none was. */
  id: string;
  /** Bus it sits on, by index; its own secondary bus for a bridge, else null. */
  bus: number;
  secondary: number | null;
  devfn: number;
  /** A virtual function: index of the function it belongs to and its number there; else null. */
  physical: number | null;
  virtualNumber: number;
  /** By offset (a multiple of 4). */
  config: Record<number, number>;
  /** Write-mask bytes a device narrowed at run time, by offset. */
  writeMask: Record<number, number>;
  /** By region index; absent when unmapped. */
  bars: Record<number, BarMapping>;
  windows: BridgeWindows | null;
  powered: boolean;
  /** The gate of the function's own DMA and MSI: COMMAND bit 2 at the last write of COMMAND or power change. */
  busMaster: boolean;
  hotplugged: boolean;
  /** Level of the INTx pin, whatever COMMAND says. */
  intx: boolean;
  /** A hot-plug interrupt condition was signalled. */
  hotplugNotified: boolean;
  unplugPending: boolean;
  /** MSI-X function mask (or disabled) at the last write of the control byte. */
  msixMasked: boolean;
  /** By byte offset (a multiple of 4). */
  msixTable: Record<number, number>;
  msixPending: Record<number, number>;
  aerLog: AerLogEntry[];
  /** Registers of a modelled device (SHPC working set, edu, RAM regions), by a key the device chooses. */
  own: Record<number, number>;
}

export interface BusState {
  /** Index of the bridge (or expander) whose other side this is; null for the root bus. */
  bridge: number | null;
  /** Fixed number of a root bus: the board's 0, or an expander's; null behind a bridge. */
  number: number | null;
  /** Function index by devfn. */
  devices: Record<number, number>;
  /** Buses directly below, newest first: the order in which bus numbers are searched. */
  children: number[];
}

/** ACPI power-management registers. @source facts/q35-qemu 1.4 */
export interface PmState {
  status: number;
  enable: number;
  control: number;
  /** The timer has not been acknowledged since its carry was due. */
  timerDue: boolean;
  /** GPE status then enable bytes, by offset. */
  gpe: Record<number, number>;
  smiEnable: number;
  smiEnableWritable: number;
  tco: Record<number, number>;
  sciLevel: boolean;
  sciIrq: number;
  /** APM command and status ports. */
  apmCommand: number;
  apmStatus: number;
}

export interface AcpiHotplugState {
  select: number;
  up: Record<number, number>;
  down: Record<number, number>;
}

/** Everything that changes in a machine: plain data, so that it can be a slice of a recorded world. */
export interface MachineState {
  /** Null where a function was unplugged. */
  functions: (FunctionState | null)[];
  buses: (BusState | null)[];
  /** Next mapping order. */
  order: number;
  /** Counts changes of what is mapped where; whoever keeps a derived view compares it. */
  mapVersion: number;
  /** CF8 as written. */
  configAddress: number;
  resetControl: number;
  /** Keyboard controller: the last command was one that takes a byte (0xd1, its output port); else 0. */
  keyboardCommand: number;
  /** ECAM window now decoded. */
  ecam: { base: number; sizeBytes: number } | null;
  /** Root-bus INTx counts by PIRQ. */
  pirqCount: number[];
  /** PIIX3's view of which PIRQ drives which ISA IRQ, as bits `irq * 4 + pirq`. */
  piixLevels: Record<number, true>;
  /** Interrupt controller input levels by pin. */
  irqLevels: Record<number, true>;
  /** Dwords of RAM that were written, by address. */
  ram: Record<number, number>;
  /** ARM virt: the flash was written to and no longer reads as empty. */
  flashCommanded: boolean;
  /** The legacy CPU hot-plug registers were switched to another interface. */
  cpuHotplugSwitched: boolean;
  /** Attributes of the 13 shadow-RAM areas 0xf0000, 0xc0000, 0xc4000, …: bit 0 read RAM, bit 1 write RAM. */
  pam: number[];
  /** 0xa0000-0xbffff shows the PCI space. */
  smramHidden: boolean;
  openHighSmram: boolean;
  tsegBytes: number;
  smbaseLocked: boolean;
  /** Root complex register block: null when disabled; contents survive. */
  rcba: number | null;
  chipConfig: Record<number, number>;
  /** I/O base of the PM block; null when disabled. */
  pmBase: number | null;
  smbusBase: number | null;
  pm: PmState;
  acpiHotplug: AcpiHotplugState;
  /** Hot-plug selectors: bus index by BSEL. */
  bsel: number[];
}
