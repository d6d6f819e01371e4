import type { DeviceAnswer, DeviceModel, DeviceRequest } from '../machine/device-model.js';
import type { GuestSbdf } from '../pci/sbdf.js';

/** A PCI function that a device model emulates. */
export interface EmulatedFunction {
  readonly sbdf: number;
  readonly vendor: number;
  readonly device: number;
  /** Class, subclass, programming interface: 24 bits. */
  readonly classCode: number;
  readonly multifunction?: boolean;
  /** Sizes of 32-bit memory BARs from BAR 0 on; powers of two. */
  readonly barSizes?: readonly number[];
  /** A bridge: type 1 header whose bus numbers the guest sets. */
  readonly bridge?: boolean;
  /** Id of an extended capability at 0x100; with it the function has 4 KiB of configuration space. */
  readonly extendedCapability?: number;
}

const HEADER_BYTES = 256;
const EXTENDED_BYTES = 4096;
const BUS_NUMBERS = 0x18;
const COMMAND = 0x04;
const BAR0 = 0x10;
const INTERRUPT_LINE = 0x3c;
/** I/O, memory and bus-master enable, interrupt disable. */
const COMMAND_MASK = 0x0407;

/**
 * Configuration space of plain type 0 functions behind an IOREQ server, with memory and port registers that read back
 * what was written. Where an `ecamBase` is given, memory accesses inside its 256 MiB are configuration accesses too, the
 * way a device model that mapped the window treats them.
 */
export class EmulatedFunctions implements DeviceModel {
  readonly name: string;
  readonly latencyNs: number;
  readonly failure?: NonNullable<DeviceModel['failure']>;
  readonly #space = new Map<number, { readonly bytes: Uint8Array; readonly mask: Uint8Array }>();
  readonly #registers = new Map<number, number>();
  readonly #ecamBase: number | null;

  constructor(
    options: Pick<DeviceModel, 'name' | 'latencyNs' | 'failure'> & { readonly ecamBase?: number },
    functions: readonly EmulatedFunction[],
  ) {
    this.name = options.name;
    this.latencyNs = options.latencyNs;
    if (options.failure !== undefined) this.failure = options.failure;
    this.#ecamBase = options.ecamBase ?? null;
    for (const fn of functions) this.#space.set(fn.sbdf, image(fn));
  }

  serve(request: DeviceRequest): DeviceAnswer {
    const { type, addr, dir, size, data } = request;
    if (type === 'pci_config')
      return this.#config(request.sbdf ?? (0 as GuestSbdf), request.reg ?? 0, request);
    if (type !== 'pio' && type !== 'copy') return { data: 0 };
    const offset = this.#ecamBase === null || type === 'pio' ? -1 : addr - this.#ecamBase;
    if (offset >= 0 && offset < 0x1000_0000)
      return this.#config(Math.floor(offset / 4096), offset % 4096, request);
    if (dir === 'write') this.#registers.set(addr, data);
    return { data: (this.#registers.get(addr) ?? 0) % 2 ** Math.min(32, 8 * size) };
  }

  /** Bytes beyond its configuration space and functions that do not exist read as ones. @source facts/q35-qemu 3.2 */
  #config(sbdf: number, reg: number, { dir, size, data }: DeviceRequest): DeviceAnswer {
    const space = this.#space.get(sbdf);
    if (space === undefined || reg + size > space.bytes.length) return { data: 0xffff_ffff };
    let value = 0;
    for (let i = 0; i < Math.min(4, size); i++) {
      const at = reg + i;
      if (dir === 'write') {
        const mask = space.mask[at]!;
        space.bytes[at] = (space.bytes[at]! & ~mask) | ((data >>> (8 * i)) & mask);
      } else value += space.bytes[at]! * 2 ** (8 * i);
    }
    return { data: value };
  }
}

function image(fn: EmulatedFunction): { bytes: Uint8Array; mask: Uint8Array } {
  const sizeBytes = fn.extendedCapability === undefined ? HEADER_BYTES : EXTENDED_BYTES;
  const bytes = new Uint8Array(sizeBytes);
  const mask = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  const masks = new DataView(mask.buffer);
  view.setUint16(0, fn.vendor, true);
  view.setUint16(2, fn.device, true);
  view.setUint32(8, fn.classCode * 256, true);
  view.setUint8(0x0e, (fn.multifunction === true ? 0x80 : 0) | (fn.bridge === true ? 1 : 0));
  masks.setUint16(COMMAND, COMMAND_MASK, true);
  masks.setUint8(INTERRUPT_LINE, 0xff);
  for (const [i, size] of (fn.barSizes ?? []).entries()) masks.setUint32(BAR0 + 4 * i, -size >>> 0, true);
  if (fn.bridge === true) masks.setUint32(BUS_NUMBERS, 0x00ff_ffff, true);
  if (fn.extendedCapability !== undefined) view.setUint32(0x100, 0x0001_0000 + fn.extendedCapability, true);
  // PCIEXBAR of a memory controller hub: all 64 bits read back as written.
  if (fn.vendor === 0x8086 && fn.device === 0x29c0) {
    masks.setUint32(0x60, 0xffff_ffff, true);
    masks.setUint32(0x64, 0xffff_ffff, true);
  }
  return { bytes, mask };
}
