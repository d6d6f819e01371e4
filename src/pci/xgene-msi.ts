import type { MsiMessage } from './msi.js';

/** Groups (one GIC interrupt each), index registers of a group, bits of a register. @source facts/arm-msi-iommu 5.2 */
export const xgene = { groups: 16, registers: 8, bits: 16, vectors: 2048, frameBytes: 0x1_0000 } as const;

/** Group n, index register x and bit of one vector. */
export interface XgenePlace {
  readonly group: number;
  readonly register: number;
  readonly bit: number;
}

/** Where a vector's message goes. @source facts/arm-msi-iommu 5.2 (what the driver computes, not what it says) */
export function xgenePlace(vector: number): XgenePlace {
  return {
    group: vector % xgene.groups,
    register: Math.floor(vector / (xgene.groups * xgene.bits)) % xgene.registers,
    bit: Math.floor(vector / xgene.groups) % xgene.bits,
  };
}

/** The vector a place belongs to. */
export function xgeneVector({ group, register, bit }: XgenePlace): number {
  return (register * xgene.bits + bit) * xgene.groups + group;
}

/** Offset of the termination frame MSInIRx in the block. */
export function xgeneFrameOffset({ group, register }: Pick<XgenePlace, 'group' | 'register'>): number {
  return (xgene.registers * group + register) * xgene.frameBytes;
}

/** The message of a vector; null when the vector does not exist. */
export function xgeneMessage(base: number, vector: number): MsiMessage | null {
  if (vector < 0 || vector >= xgene.vectors) return null;
  const place = xgenePlace(vector);
  const address = base + xgeneFrameOffset(place);
  return { addressLow: address % 2 ** 32, addressHigh: Math.floor(address / 2 ** 32), data: place.bit };
}

/** The place a write of `data` at `offset` in the block sets; null when it is outside the frames or no bit. */
export function xgeneHit(offset: number, data: number): XgenePlace | null {
  const frame = Math.floor(offset / xgene.frameBytes);
  if (frame < 0 || frame >= xgene.groups * xgene.registers || data >= xgene.bits) return null;
  return { group: Math.floor(frame / xgene.registers), register: frame % xgene.registers, bit: data };
}

/**
 * First vector of the block the affinity trick takes for one interrupt: moving it to processor c means vector + c,
 * another group's frame. @source facts/arm-msi-iommu 5.2
 */
export const xgeneFirstVector = (vector: number, processors: number): number =>
  vector - (vector % processors);
