/** One property as it stands in the blob. */
export interface FdtProperty {
  readonly name: string;
  /** A view into the blob, big-endian cells or NUL-terminated text. */
  readonly value: Uint8Array;
  /** Where the value starts in the blob. */
  readonly offsetBytes: number;
}

/** One node; `children` and `properties` keep the order of the blob. */
export interface FdtNode {
  /** With the unit address; empty for the root. */
  readonly name: string;
  /** `/soc/pcie@a0000000`; `/` for the root. Unique in its tree. */
  readonly path: string;
  readonly parent: FdtNode | null;
  readonly properties: readonly FdtProperty[];
  readonly children: readonly FdtNode[];
  /** Where the node's BEGIN_NODE token stands in the blob. */
  readonly offsetBytes: number;
}

/** A range of memory the firmware wants left alone. */
export interface FdtReservation {
  readonly address: bigint;
  readonly sizeBytes: bigint;
}

/** A device tree in memory. */
export interface DeviceTree {
  readonly version: number;
  readonly bootCpuId: number;
  readonly reservations: readonly FdtReservation[];
  readonly root: FdtNode;
  /** Every node in flattened order: the order in which Xen walks the tree and numbers bridges (facts/arm-msi-iommu 1.3). */
  readonly nodes: readonly FdtNode[];
  /** The node behind a phandle; of two nodes with one phandle the first in flattened order. */
  nodeOf(phandle: number): FdtNode | null;
}

/** The property of that name. @cost O(properties of the node). */
export function findProperty(node: FdtNode, name: string): FdtProperty | null {
  for (const property of node.properties) if (property.name === name) return property;
  return null;
}
