import type { MsiMessage } from './msi.js';

/** An interrupt message to a local APIC. @source facts/arm-msi-iommu 7.3, facts/xen 6.1 */
export interface ApicMessage {
  readonly format: 'apic';
  /** APIC id: 8 bits, or 15 where the hypervisor offers the extended destination. */
  readonly destination: number;
  readonly redirectionHint: boolean;
  readonly logical: boolean;
  readonly vector: number;
  /** 0 fixed, 1 lowest priority. */
  readonly delivery: number;
  readonly assert: boolean;
  readonly level: boolean;
}

/** A message that names an entry of the VT-d interrupt remapping table. @source facts/arm-msi-iommu 7.3 */
export interface RemappableMessage {
  readonly format: 'remappable';
  readonly index: number;
  readonly subhandleValid: boolean;
  readonly subhandle: number;
}

/** Every address of 0xFEExxxxx is an interrupt and never a memory write. @source facts/arm-msi-iommu 6.6 */
export const isX86Doorbell = (address: number): boolean => Math.floor(address / 0x10_0000) === 0xfee;

export function encodeApicMessage(message: Omit<ApicMessage, 'format'>): MsiMessage {
  return {
    addressLow:
      (0xfee0_0000 |
        ((message.destination & 0xff) << 12) |
        (((message.destination >>> 8) & 0x7f) << 5) |
        (message.redirectionHint ? 8 : 0) |
        (message.logical ? 4 : 0)) >>>
      0,
    addressHigh: 0,
    data:
      (message.vector & 0xff) |
      ((message.delivery & 7) << 8) |
      (message.assert ? 0x4000 : 0) |
      (message.level ? 0x8000 : 0),
  };
}

/** What Xen composes for a host vector: physical, fixed, edge, assert. @source facts/xen 6.1 */
export function xenHostMessage(destination: number, vector: number): MsiMessage {
  return encodeApicMessage({
    destination,
    redirectionHint: false,
    logical: false,
    vector,
    delivery: 0,
    assert: true,
    level: false,
  });
}

export function encodeRemappable(message: Omit<RemappableMessage, 'format'>): MsiMessage {
  return {
    addressLow:
      (0xfee0_0010 |
        ((message.index & 0x7fff) << 5) |
        (message.index & 0x8000 ? 4 : 0) |
        (message.subhandleValid ? 8 : 0)) >>>
      0,
    addressHigh: 0,
    data: message.subhandleValid ? message.subhandle & 0xffff : 0,
  };
}

/** Reads a message; null when its address is no interrupt address. Bit 4 tells the two formats apart. */
export function decodeX86Message(address: number, data: number): ApicMessage | RemappableMessage | null {
  if (!isX86Doorbell(address)) return null;
  const low = address % 0x10_0000;
  if ((low & 0x10) !== 0) {
    const subhandleValid = (low & 8) !== 0;
    return {
      format: 'remappable',
      index: ((low >>> 5) & 0x7fff) | (low & 4 ? 0x8000 : 0),
      subhandleValid,
      subhandle: subhandleValid ? data & 0xffff : 0,
    };
  }
  return {
    format: 'apic',
    destination: ((low >>> 12) & 0xff) | (((low >>> 5) & 0x7f) << 8),
    redirectionHint: (low & 8) !== 0,
    logical: (low & 4) !== 0,
    vector: data & 0xff,
    delivery: (data >>> 8) & 7,
    assert: (data & 0x4000) !== 0,
    level: (data & 0x8000) !== 0,
  };
}
