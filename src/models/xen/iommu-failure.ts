/** Why an IOMMU step failed, with the line Xen logs. */
export interface IommuFailure {
  readonly errno: number;
  readonly reason: string;
}
