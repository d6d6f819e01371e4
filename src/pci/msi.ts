/** A message as software writes it; the address in two halves, as the registers hold it. */
export interface MsiMessage {
  readonly addressLow: number;
  readonly addressHigh: number;
  /** 16 bits in an MSI capability, 32 in an MSI-X entry. */
  readonly data: number;
}

/** Message control of an MSI capability (id 0x05). @source facts/arm-msi-iommu 7.1 */
export interface MsiControl {
  readonly enabled: boolean;
  /** log2 of the vectors the function can send, 0 to 5. */
  readonly capableLog2: number;
  /** log2 of the vectors software lets it send. */
  readonly enabledLog2: number;
  readonly is64: boolean;
  readonly maskable: boolean;
}

export function decodeMsiControl(control: number): MsiControl {
  return {
    enabled: (control & 1) !== 0,
    capableLog2: (control >>> 1) & 7,
    enabledLog2: (control >>> 4) & 7,
    is64: (control & 0x80) !== 0,
    maskable: (control & 0x100) !== 0,
  };
}

export function encodeMsiControl(control: MsiControl): number {
  return (
    (control.enabled ? 1 : 0) |
    (control.capableLog2 << 1) |
    (control.enabledLog2 << 4) |
    (control.is64 ? 0x80 : 0) |
    (control.maskable ? 0x100 : 0)
  );
}

/** Where the registers of an MSI capability stand, counted from the capability; null: not there. */
export interface MsiLayout {
  readonly lengthBytes: 10 | 14 | 20 | 24;
  readonly addressLow: 4;
  readonly addressHigh: 8 | null;
  readonly data: 8 | 0xc;
  readonly mask: 0xc | 0x10 | null;
  readonly pending: 0x10 | 0x14 | null;
}

/** @source facts/arm-msi-iommu 7.1 */
export function msiLayout(is64: boolean, maskable: boolean): MsiLayout {
  return {
    lengthBytes: is64 ? (maskable ? 24 : 14) : maskable ? 20 : 10,
    addressLow: 4,
    addressHigh: is64 ? 8 : null,
    data: is64 ? 0xc : 8,
    mask: maskable ? (is64 ? 0x10 : 0xc) : null,
    pending: maskable ? (is64 ? 0x14 : 0x10) : null,
  };
}

/**
 * Data a function sends for one of its messages: the vector number replaces the low bits.
 * @param enabledLog2 log2 of the enabled vectors.
 * @source facts/arm-msi-iommu 7.1
 */
export function messageData(data: number, enabledLog2: number, vector: number): number {
  const low = 2 ** enabledLog2 - 1;
  return ((data & ~low) | (vector & low)) >>> 0;
}

/** Whether data leaves the low bits to the function: otherwise its messages start in the middle of the block. */
export const isAligned = (data: number, enabledLog2: number): boolean => data % 2 ** enabledLog2 === 0;

/** Message control of an MSI-X capability (id 0x11). @source facts/arm-msi-iommu 7.2 */
export interface MsixControl {
  /** Entries of the table, 1 to 2048. */
  readonly entries: number;
  readonly functionMask: boolean;
  readonly enabled: boolean;
}

export function decodeMsixControl(control: number): MsixControl {
  return {
    entries: (control & 0x7ff) + 1,
    functionMask: (control & 0x4000) !== 0,
    enabled: (control & 0x8000) !== 0,
  };
}

export function encodeMsixControl(control: MsixControl): number {
  return (
    ((control.entries - 1) & 0x7ff) | (control.functionMask ? 0x4000 : 0) | (control.enabled ? 0x8000 : 0)
  );
}

/** Place of the MSI-X table (offset 4) or of the pending bits (offset 8). */
export interface MsixPlace {
  readonly bar: number;
  readonly offsetBytes: number;
}

export function decodeMsixPlace(dword: number): MsixPlace {
  return { bar: dword & 7, offsetBytes: (dword & ~7) >>> 0 };
}

/** Bytes of one table entry: address low, address high, data, vector control. @source facts/arm-msi-iommu 7.2 */
const MSIX_ENTRY_BYTES = 16;

/** One table entry; after reset every entry is masked and the rest undefined (zero here). */
export interface MsixEntry extends MsiMessage {
  readonly masked: boolean;
}

export const resetMsixEntry: MsixEntry = { addressLow: 0, addressHigh: 0, data: 0, masked: true };

/** The four dwords of an entry. */
export function msixEntryDwords(entry: MsixEntry): readonly [number, number, number, number] {
  return [entry.addressLow, entry.addressHigh, entry.data, entry.masked ? 1 : 0];
}

/**
 * An entry after a write of 1, 2, 4 or 8 bytes at `offset` (0 to 15); bytes beyond the entry are not its own.
 * @param value Low 32 bits of the data; `valueHigh` the upper half of an 8-byte write.
 */
export function writeMsixEntry(
  entry: MsixEntry,
  offset: number,
  sizeBytes: number,
  value: number,
  valueHigh = 0,
): MsixEntry {
  const bytes = msixEntryDwords(entry).flatMap((dword) =>
    [0, 8, 16, 24].map((shift) => (dword >>> shift) & 0xff),
  );
  for (let i = 0; i < sizeBytes && offset + i < MSIX_ENTRY_BYTES; i++) {
    const half = i < 4 ? value : valueHigh;
    bytes[offset + i] = (half >>> (8 * (i % 4))) & 0xff;
  }
  const dword = (at: number): number =>
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  return {
    addressLow: (dword(0) & ~3) >>> 0,
    addressHigh: dword(4),
    data: dword(8),
    masked: (dword(12) & 1) !== 0,
  };
}

/** Place of a vector's pending bit: byte offset of its 64-bit word and the bit in it. */
export function pendingBit(vector: number): { readonly offsetBytes: number; readonly bit: number } {
  return { offsetBytes: Math.floor(vector / 64) * 8, bit: vector % 64 };
}

/** 64-bit address of a message as a number; PCI addresses of the platforms modelled stay below 2^53. */
export const messageAddress = (message: MsiMessage): number =>
  message.addressHigh * 2 ** 32 + message.addressLow;
