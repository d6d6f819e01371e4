/** Offsets inside the SR-IOV extended capability. @source facts/q35-qemu 2.11 */
export const sriov = {
  control: 0x08,
  totalVfs: 0x0e,
  numVfs: 0x10,
  vfOffset: 0x14,
  vfStride: 0x16,
  bar0: 0x24,
  sizeBytes: 0x40,
} as const;
