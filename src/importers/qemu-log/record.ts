/** What one line of the log says, as far as PCI goes. */
export type QemuRecordKind =
  /** `pci_cfg_read`, `pci_cfg_write`: a function answered. No width is printed. */
  | 'config-read'
  | 'config-write'
  /** `memory_region_ops_read`, `memory_region_ops_write`: an access reached a region. */
  | 'region-read'
  | 'region-write'
  /** `pci_update_mappings_add`, `pci_update_mappings_del`: a BAR was mapped or unmapped. */
  | 'mapping-add'
  | 'mapping-del'
  /** `msix_write_config`: enable and mask bits of MSI-X after a write. */
  | 'msix-control'
  /** `gicv3_its_translation_write`: an MSI reached the ITS. */
  | 'its-message'
  /** `runstate_set`: the machine started, stopped or shut down. */
  | 'run-state';

/**
 * One readable line. The parser fills ONE object again and again: keep copies of fields, never the record.
 * Fields that a kind does not print keep 0, -1 or the empty text.
 * @source facts/q35-qemu 4.1, 4.2
 */
export interface QemuRecord {
  kind: QemuRecordKind;
  /** 1-based line of the file. */
  line: number;
  /** Microseconds since the epoch; -1 for a log without timestamps. */
  atUs: number;
  /** Thread that printed it; -1 without timestamps. */
  thread: number;
  /** Device type, or the region's name (empty where the log does not print it). */
  name: string;
  /** Bus number as printed; -1 in logs of QEMU before 7.0, which print none. */
  bus: number;
  devfn: number;
  /** Register offset, absolute address of a region access, or address of a BAR. Exact below 2^53. */
  address: number;
  /** Data, low and high 32 bits. Wider than the access for some reads: mask it with `sizeBytes`. */
  value: number;
  valueHigh: number;
  sizeBytes: number;
  /** Bytes of a BAR; the kind of run state; requester id of an ITS message. */
  extent: number;
  /** Virtual CPU of a region access; -1 when no CPU made it. */
  cpu: number;
  /** Region of the function: 0 to 5, 6 for the ROM. */
  bar: number;
  enabled: boolean;
  masked: boolean;
}

export const emptyRecord = (): QemuRecord => ({
  kind: 'run-state',
  line: 0,
  atUs: -1,
  thread: -1,
  name: '',
  bus: -1,
  devfn: 0,
  address: 0,
  value: 0,
  valueHigh: 0,
  sizeBytes: 0,
  extent: 0,
  cpu: -1,
  bar: 0,
  enabled: false,
  masked: false,
});
