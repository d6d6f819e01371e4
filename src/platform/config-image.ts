import type { FunctionId } from '../pci/function-id.js';
import type { PlatformFunction } from './platform.js';

/** A configuration space under construction: values at power-on, bits software can change, bits a written 1 clears. */
export class ConfigImage {
  readonly #config: DataView;
  readonly #writable: DataView;
  readonly #clears: DataView;

  /** @param sizeBytes 256 or 4096. */
  constructor(sizeBytes: 256 | 4096) {
    this.#config = new DataView(new ArrayBuffer(sizeBytes));
    this.#writable = new DataView(new ArrayBuffer(sizeBytes));
    this.#clears = new DataView(new ArrayBuffer(sizeBytes));
  }

  byte(reg: number, value: number, writable = 0): this {
    this.#config.setUint8(reg, value);
    this.#writable.setUint8(reg, writable);
    return this;
  }

  word(reg: number, value: number, writable = 0, clears = 0): this {
    this.#config.setUint16(reg, value, true);
    this.#writable.setUint16(reg, writable, true);
    this.#clears.setUint16(reg, clears, true);
    return this;
  }

  dword(reg: number, value: number, writable = 0): this {
    this.#config.setUint32(reg, value, true);
    this.#writable.setUint32(reg, writable >>> 0, true);
    return this;
  }

  /** Vendor, device, class (base, subclass, interface) and the usual bits of COMMAND and STATUS. */
  identity(vendorId: number, deviceId: number, classCode: number, command = 0): this {
    return this.word(0x00, vendorId)
      .word(0x02, deviceId)
      .word(0x04, command, 0x0547)
      .word(0x06, 0, 0, 0xf900)
      .byte(0x09, classCode & 0xff)
      .word(0x0a, classCode >>> 8)
      .byte(0x0c, 0, 0xff)
      .byte(0x3c, 0, 0xff);
  }

  /** A memory or I/O BAR; `wide` takes the next register too. */
  bar(
    index: number,
    address: number,
    sizeBytes: number,
    kind: 'io' | 'mem' | 'wide' | 'wide-prefetch',
  ): this {
    const reg = 0x10 + index * 4;
    const flags = { io: 1, mem: 0, wide: 4, 'wide-prefetch': 12 }[kind];
    const keep = kind === 'io' ? 3 : 15;
    this.dword(reg, ((address >>> 0) & ~keep) | flags, ~(sizeBytes - 1) & ~keep);
    if (kind === 'wide' || kind === 'wide-prefetch')
      this.dword(reg + 4, Math.floor(address / 2 ** 32), 0xffff_ffff);
    return this;
  }

  rom(address: number, sizeBytes: number): this {
    return this.dword(0x30, address, (~(sizeBytes - 1) | 1) >>> 0);
  }

  /** Links capabilities in the order given and says so in STATUS. */
  capabilities(...list: readonly (readonly [position: number, id: number])[]): this {
    this.word(0x06, 0x0010, 0, 0xf900);
    let link = 0x34;
    for (const [position, id] of list) {
      this.byte(link, position).byte(position, id);
      link = position + 1;
    }
    return this;
  }

  /** Extended capabilities; the first must stand at 0x100. */
  extended(...list: readonly (readonly [position: number, id: number])[]): this {
    for (const [i, [position, id]] of list.entries())
      this.dword(position, (((list[i + 1]?.[0] ?? 0) << 20) | (1 << 16) | id) >>> 0);
    return this;
  }

  build(fn: FunctionId, name: string, present = true): PlatformFunction {
    const bytes = ({ buffer }: DataView): Uint8Array => new Uint8Array(buffer.slice(0) as ArrayBuffer);
    return {
      function: fn,
      name,
      config: bytes(this.#config),
      writeMask: bytes(this.#writable),
      clearMask: bytes(this.#clears),
      present,
    };
  }
}
