/**
 * The page pcifront and pciback share: layout, commands, errors, and the mappings both sides apply.
 * @source facts/dom0 3 (pciif.h, offsets compiled), facts/xen 7.5
 */

/** The XenStore key `magic` must hold this text; anything else ends the connection. */
export const PCI_MAGIC = '7';

export const pciCommands = {
  conf_read: 0,
  conf_write: 1,
  enable_msi: 2,
  disable_msi: 3,
  enable_msix: 4,
  disable_msix: 5,
  aer_detected: 6,
  aer_resume: 7,
  aer_mmio: 8,
  aer_slotreset: 9,
  /** In Xen's header only; Linux implements neither side. */
  enable_multi_msi: 10,
} as const;
export type PciCommand = keyof typeof pciCommands;

/** `err` of an operation; enable_msix and a refused device enable leak negative errnos beside these. */
export const pciErrors = {
  success: 0,
  dev_not_found: -1,
  invalid_offset: -2,
  access_denied: -3,
  not_implemented: -4,
  op_failed: -5,
} as const;

/** Linux' PCIBIOS codes. */
export const pcibios = {
  SUCCESSFUL: 0x00,
  FUNC_NOT_SUPPORTED: 0x81,
  DEVICE_NOT_FOUND: 0x86,
  BAD_REGISTER_NUMBER: 0x87,
  SET_FAILED: 0x88,
} as const;

export const MAX_MSIX_ENTRIES = 128;

/** Byte offsets in the page and inside the two structures. */
export const layout = {
  flags: 0,
  op: 4,
  opSizeBytes: 548,
  aerOp: 552,
  aerOpSizeBytes: 20,
  end: 572,
  inOp: {
    cmd: 0,
    err: 4,
    domain: 8,
    bus: 12,
    devfn: 16,
    offset: 20,
    size: 24,
    value: 28,
    info: 32,
    msix: 36,
  },
  inAerOp: { cmd: 0, err: 4, domain: 8, bus: 12, devfn: 16 },
} as const;

/** `struct xen_pci_op`. `domain`, `bus` and `devfn` are the guest's names. */
export interface PciOp {
  readonly cmd: number;
  readonly err: number;
  readonly domain: number;
  readonly bus: number;
  readonly devfn: number;
  readonly offset: number;
  readonly size: number;
  readonly value: number;
  readonly info: number;
  readonly msixEntries: readonly { readonly vector: number; readonly entry: number }[];
}

/** `struct xen_pcie_aer_op`: `err` carries the channel state out and the result back. */
export interface AerOp {
  readonly cmd: number;
  readonly err: number;
  readonly domain: number;
  readonly bus: number;
  readonly devfn: number;
}

/** Reads the operation of a shared page of at least `layout.end` bytes. @throws {RangeError} a shorter page */
export function readOp(page: Uint8Array): PciOp {
  const view = new DataView(page.buffer, page.byteOffset + layout.op, layout.opSizeBytes);
  const { inOp } = layout;
  const unsigned = (at: number): number => view.getUint32(at, true);
  return {
    cmd: unsigned(inOp.cmd),
    err: view.getInt32(inOp.err, true),
    domain: unsigned(inOp.domain),
    bus: unsigned(inOp.bus),
    devfn: unsigned(inOp.devfn),
    offset: view.getInt32(inOp.offset, true),
    size: view.getInt32(inOp.size, true),
    value: unsigned(inOp.value),
    info: unsigned(inOp.info),
    msixEntries: Array.from({ length: MAX_MSIX_ENTRIES }, (_, i) => ({
      vector: view.getUint16(inOp.msix + 4 * i, true),
      entry: view.getUint16(inOp.msix + 4 * i + 2, true),
    })),
  };
}

/** Writes an operation; entries beyond those given become zero. */
export function writeOp(page: Uint8Array, op: PciOp): void {
  const view = new DataView(page.buffer, page.byteOffset + layout.op, layout.opSizeBytes);
  const { inOp } = layout;
  view.setUint32(inOp.cmd, op.cmd, true);
  view.setInt32(inOp.err, op.err, true);
  view.setUint32(inOp.domain, op.domain, true);
  view.setUint32(inOp.bus, op.bus, true);
  view.setUint32(inOp.devfn, op.devfn, true);
  view.setInt32(inOp.offset, op.offset, true);
  view.setInt32(inOp.size, op.size, true);
  view.setUint32(inOp.value, op.value, true);
  view.setUint32(inOp.info, op.info, true);
  for (let i = 0; i < MAX_MSIX_ENTRIES; i++) {
    view.setUint16(inOp.msix + 4 * i, op.msixEntries[i]?.vector ?? 0, true);
    view.setUint16(inOp.msix + 4 * i + 2, op.msixEntries[i]?.entry ?? 0, true);
  }
}

/** Reads the AER request of a shared page. */
export function readAerOp(page: Uint8Array): AerOp {
  const view = new DataView(page.buffer, page.byteOffset + layout.aerOp, layout.aerOpSizeBytes);
  const { inAerOp } = layout;
  return {
    cmd: view.getUint32(inAerOp.cmd, true),
    err: view.getInt32(inAerOp.err, true),
    domain: view.getUint32(inAerOp.domain, true),
    bus: view.getUint32(inAerOp.bus, true),
    devfn: view.getUint32(inAerOp.devfn, true),
  };
}

export function writeAerOp(page: Uint8Array, op: AerOp): void {
  const view = new DataView(page.buffer, page.byteOffset + layout.aerOp, layout.aerOpSizeBytes);
  const { inAerOp } = layout;
  view.setUint32(inAerOp.cmd, op.cmd, true);
  view.setInt32(inAerOp.err, op.err, true);
  view.setUint32(inAerOp.domain, op.domain, true);
  view.setUint32(inAerOp.bus, op.bus, true);
  view.setUint32(inAerOp.devfn, op.devfn, true);
}

/** What pciback answers for a PCIBIOS code; negative errnos pass through as they are. @source facts/dom0 3, 5.2 */
export function pcibiosToError(code: number): number {
  switch (code) {
    case pcibios.DEVICE_NOT_FOUND:
      return pciErrors.dev_not_found;
    case pcibios.BAD_REGISTER_NUMBER:
      return pciErrors.invalid_offset;
    case pcibios.FUNC_NOT_SUPPORTED:
      return pciErrors.not_implemented;
    case pcibios.SET_FAILED:
      return pciErrors.access_denied;
    default:
      return code;
  }
}

/** What pcifront gives the PCI core for an answer. */
export function errorToPcibios(err: number): number {
  switch (err) {
    case pciErrors.dev_not_found:
      return pcibios.DEVICE_NOT_FOUND;
    case pciErrors.invalid_offset:
    case pciErrors.op_failed:
      return pcibios.BAD_REGISTER_NUMBER;
    case pciErrors.not_implemented:
      return pcibios.FUNC_NOT_SUPPORTED;
    case pciErrors.access_denied:
      return pcibios.SET_FAILED;
    default:
      return err;
  }
}

/** XenbusState. @source facts/dom0 4.7 */
export const xenbusStates = {
  Unknown: 0,
  Initialising: 1,
  InitWait: 2,
  Initialised: 3,
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const;
