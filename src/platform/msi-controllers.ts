/** Vectors Linux uses of the AXI soft bridge. @source facts/arm-msi-iommu 5.1 */
export const AXI_VECTORS = 128;

/** Events of one bridge: two status registers of 32 bits. @source facts/arm-msi-iommu 5.1 */
export const NWL_EVENTS = 64;
