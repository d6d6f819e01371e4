/** What an offset inside an ECAM window names. */
export interface EcamTarget {
  readonly bus: number;
  readonly devfn: number;
  readonly offsetBytes: number;
}

/** Configuration bytes of one bus in an ECAM window. */
const ECAM_BUS_BYTES = 1 << 20;

/**
 * Decodes an offset from the window's first byte. The bus is relative to the window.
 * @source PCI Express Base, enhanced configuration access mechanism; facts/q35-qemu 2.2
 */
export function decodeEcam(windowOffset: number): EcamTarget {
  return {
    bus: Math.floor(windowOffset / ECAM_BUS_BYTES) & 0xff,
    devfn: (windowOffset >>> 12) & 0xff,
    offsetBytes: windowOffset & 0xfff,
  };
}

/** Address of a register inside a window that starts at `base` with bus 0. */
export const ecamAddress = (base: number, bdf: number, offsetBytes: number): number =>
  base + (bdf & 0xffff) * 4096 + (offsetBytes & 0xfff);
