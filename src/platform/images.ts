import type { FunctionId } from '../pci/function-id.js';
import type { PlatformFunction } from './platform.js';

/** What distinguishes one plain PCIe endpoint from another. */
export interface EndpointOptions {
  readonly function: FunctionId;
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
  /** Base class, subclass and programming interface, as `0x020000`. */
  readonly classCode: number;
  /** 32-bit memory BAR 0: address at power-on and size, a power of two from 16. */
  readonly bar: { readonly address: number; readonly sizeBytes: number };
  readonly present?: boolean;
}

const registers = {
  command: 0x04,
  status: 0x06,
  classCode: 0x09,
  cacheLine: 0x0c,
  bar0: 0x10,
  capabilities: 0x34,
  interruptLine: 0x3c,
  express: 0x40,
  msi: 0x80,
} as const;

/**
 * Configuration space of a PCIe network-card-like endpoint: one memory BAR, Express and MSI (64-bit) capabilities,
 * with the bits software can change.
 * @source facts/arm-msi-iommu 7.1, 8.1, 8.4
 */
export function endpointImage(options: EndpointOptions): PlatformFunction {
  const config = new Uint8Array(4096);
  const writeMask = new Uint8Array(4096);
  const clearMask = new Uint8Array(4096);
  const image = new DataView(config.buffer);
  const writable = new DataView(writeMask.buffer);
  const clears = new DataView(clearMask.buffer);
  image.setUint16(0x00, options.vendorId, true);
  image.setUint16(0x02, options.deviceId, true);
  writable.setUint16(registers.command, 0x0547, true);
  image.setUint16(registers.status, 0x0010, true);
  clears.setUint16(registers.status, 0xf900, true);
  image.setUint8(registers.classCode, options.classCode & 0xff);
  image.setUint16(registers.classCode + 1, options.classCode >>> 8, true);
  writable.setUint8(registers.cacheLine, 0xff);
  image.setUint32(registers.bar0, options.bar.address, true);
  writable.setUint32(registers.bar0, ~(options.bar.sizeBytes - 1) >>> 0, true);
  image.setUint8(registers.capabilities, registers.express);
  writable.setUint8(registers.interruptLine, 0xff);
  image.setUint8(registers.interruptLine + 1, 1);
  // Express: version 2, endpoint, function-level reset; next: MSI.
  image.setUint16(registers.express, (registers.msi << 8) | 0x10, true);
  image.setUint16(registers.express + 2, 0x0002, true);
  image.setUint32(registers.express + 4, 1 << 28, true);
  writable.setUint16(registers.express + 8, 0x7fff, true);
  clears.setUint16(registers.express + 10, 0x000f, true);
  // MSI: 64-bit, one vector.
  image.setUint16(registers.msi, 0x0005, true);
  image.setUint16(registers.msi + 2, 0x0080, true);
  writable.setUint16(registers.msi + 2, 0x0071, true);
  writable.setUint32(registers.msi + 4, 0xffff_fffc, true);
  writable.setUint32(registers.msi + 8, 0xffff_ffff, true);
  writable.setUint16(registers.msi + 12, 0xffff, true);
  return {
    function: options.function,
    name: options.name,
    config,
    writeMask,
    clearMask,
    present: options.present ?? true,
  };
}
