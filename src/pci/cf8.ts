/** CONFIG_ADDRESS of configuration mechanism #1, decoded. */
export interface Cf8 {
  readonly enabled: boolean;
  readonly bus: number;
  readonly devfn: number;
  /** Dword register, bits 1:0 cleared. */
  readonly register: number;
  /** Bits 1:0: QEMU ORs them into the offset, Xen masks them. @source facts/q35-qemu 1.5 */
  readonly lowBits: number;
}

/** First port of CONFIG_ADDRESS and of CONFIG_DATA. */
export const CF8_PORT = 0xcf8;
export const CFC_PORT = 0xcfc;

/** Decodes a CONFIG_ADDRESS value; bits 30:24 carry nothing here. */
export function decodeCf8(value: number): Cf8 {
  return {
    enabled: value >= 0x8000_0000,
    bus: (value >>> 16) & 0xff,
    devfn: (value >>> 8) & 0xff,
    register: value & 0xfc,
    lowBits: value & 3,
  };
}

/** CONFIG_ADDRESS that selects a register of the first 256 bytes, enabled. */
export const encodeCf8 = (bdf: number, offsetBytes: number): number =>
  (0x8000_0000 | ((bdf & 0xffff) << 8) | (offsetBytes & 0xfc)) >>> 0;
