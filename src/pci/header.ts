/**
 * Configuration header registers and bits. Names are the specification's.
 * @source PCI Local Bus 3.0 chapter 6; PCI-to-PCI Bridge 1.2 chapter 3; facts/q35-qemu 1.2, 2.5
 */
export const reg = {
  vendorId: 0x00,
  deviceId: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classProg: 0x09,
  classDevice: 0x0a,
  cacheLineSize: 0x0c,
  headerType: 0x0e,
  bar0: 0x10,
  primaryBus: 0x18,
  secondaryBus: 0x19,
  subordinateBus: 0x1a,
  secondaryLatency: 0x1b,
  ioBase: 0x1c,
  ioLimit: 0x1d,
  secondaryStatus: 0x1e,
  memoryBase: 0x20,
  memoryLimit: 0x22,
  prefBase: 0x24,
  prefLimit: 0x26,
  prefBaseUpper: 0x28,
  prefLimitUpper: 0x2c,
  ioBaseUpper: 0x30,
  ioLimitUpper: 0x32,
  romBar: 0x30,
  capabilityPointer: 0x34,
  bridgeRomBar: 0x38,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
  bridgeControl: 0x3e,
} as const;

/** COMMAND bits. */
export const command = { io: 1, memory: 2, busMaster: 4, serr: 0x100, intxDisable: 0x400 } as const;
/** STATUS bits. */
export const status = { interrupt: 8, capabilityList: 0x10, signalledSystemError: 0x4000 } as const;
/** BRIDGE_CONTROL bits. */
export const bridgeControl = { serr: 2, vga: 8, busReset: 0x40 } as const;

/** BAR type bits: 1 I/O; of memory: 4 a 64-bit pair, 8 prefetchable. */
export const barType = { io: 1, memory64: 4, prefetchable: 8 } as const;

/** Index of the ROM BAR in a function's list of regions. */
export const ROM_REGION = 6;

export const CONVENTIONAL_CONFIG_BYTES = 256;
export const EXTENDED_CONFIG_BYTES = 4096;

/** Offset of region `index` (0 to 5, or the ROM) in a header of type 0 or 1. */
export function barOffset(index: number, isBridge: boolean): number {
  if (index !== ROM_REGION) return reg.bar0 + 4 * index;
  return isBridge ? reg.bridgeRomBar : reg.romBar;
}

/** Whether `[at, at + length)` and `[from, from + size)` share a byte. */
export const overlaps = (at: number, length: number, from: number, size: number): boolean =>
  at < from + size && from < at + length;

/** INTx pin (0 INTA to 3 INTD) after one bridge. @source PCI-to-PCI Bridge 1.2 table 9-1; facts/q35-qemu 1.4 */
export const swizzlePin = (device: number, pin: number): number => (device + pin) & 3;
