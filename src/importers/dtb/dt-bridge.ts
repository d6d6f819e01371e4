import { Trouble } from '../../base/errors.js';
import type { ConfigAccess, IdMap } from '../../platform/platform.js';
import type { AddressTranslator, RegisterRange } from './fdt/address.js';
import { cellAt, isAvailable, isCompatible, readCell, readText, readTexts } from './fdt/property.js';
import { type DeviceTree, type FdtNode, findProperty } from './fdt/tree.js';

/** A host bridge as the tree describes it, before anything is left out or made a number. */
export interface DtBridge {
  readonly node: FdtNode;
  readonly compatible: readonly string[];
  /** Text of `status`; null when absent. */
  readonly status: string | null;
  readonly available: boolean;
  readonly registers: readonly RegisterRange[];
  /** Which of `registers` holds configuration space. */
  readonly configIndex: number;
  readonly access: ConfigAccess;
  readonly busStart: number;
  readonly busEnd: number;
  /** First cell of `linux,pci-domain`, not cut; null when absent or unreadable. */
  readonly pciDomain: number | null;
  readonly iommuMap: IdMap | null;
  readonly msiMap: IdMap | null;
  /** Nodes of `msi-parent`, in order; a phandle without a node is left out. */
  readonly msiParents: readonly FdtNode[];
}

/** Bindings whose drivers find a host bridge by `compatible` alone. @source facts/arm-msi-iommu 1.1, facts/xen 3.4 */
const HOST_COMPATIBLE: ReadonlySet<string> = new Set([
  'pci-host-ecam-generic',
  'pci-host-cam-generic',
  'xlnx,nwl-pcie-2.11',
  'apm,xgene-pcie',
  'renesas,r8a779f0-pcie',
  'renesas,r8a779g0-pcie',
]);

/** How configuration space is reached, by `compatible`: any text of the list may match, not just the first. */
const ACCESS: readonly (readonly [ConfigAccess, ReadonlySet<string>])[] = [
  [
    'ecam',
    // The last three are handled by Linux's generic driver too (drivers/pci/controller/pci-host-generic.c).
    new Set([
      'pci-host-ecam-generic',
      'marvell,armada8k-pcie-ecam',
      'socionext,synquacer-pcie-ecam',
      'snps,dw-pcie-ecam',
    ]),
  ],
  ['cam', new Set(['pci-host-cam-generic'])],
  ['nwl', new Set(['xlnx,nwl-pcie-2.11'])],
  ['xgene', new Set(['apm,xgene-pcie'])],
];

/**
 * Xen's and Linux's test for a host bridge: `device_type` is pci and the parent's is not.
 * @source facts/arm-msi-iommu 1.1
 */
export function isPciHostNode(node: FdtNode): boolean {
  return isPci(node) && !(node.parent !== null && isPci(node.parent));
}

/** The host bridges of a tree in flattened order, the order in which Xen numbers them. @source facts/arm-msi-iommu 1.3 */
export function hostBridgeNodes(tree: DeviceTree): readonly FdtNode[] {
  return tree.nodes.filter(
    (node) => isPciHostNode(node) || (!isPci(node) && isCompatible(node, HOST_COMPATIBLE)),
  );
}

/**
 * Reads one host bridge.
 * @throws {Trouble} FDT-020 to FDT-024, FDT-026.
 * @source facts/arm-msi-iommu 1.1
 */
export function readBridge(tree: DeviceTree, node: FdtNode, addresses: AddressTranslator): DtBridge {
  const registers = addresses.registers(node);
  const configIndex = configRegisterIndex(registers);
  const [busStart, busEnd] = readBusRange(node);
  return {
    node,
    compatible: readTexts(node, 'compatible') ?? [],
    status: readText(node, 'status'),
    available: isAvailable(node),
    registers,
    configIndex,
    access: accessOf(node, registers),
    busStart,
    busEnd,
    pciDomain: readCell(node, 'linux,pci-domain'),
    iommuMap: readIdMap(tree, node, 'iommu-map'),
    msiMap: readIdMap(tree, node, 'msi-map'),
    msiParents: readMsiParents(tree, node),
  };
}

/**
 * The first block named cfg or config, else block 0. Amlogic's bridges have both names and keep controller registers in
 * the one called cfg; nothing here drives them, and all blocks are kept.
 */
function configRegisterIndex(registers: readonly RegisterRange[]): number {
  const index = registers.findIndex((block) => block.name === 'cfg' || block.name === 'config');
  return Math.max(index, 0);
}

function accessOf(node: FdtNode, registers: readonly RegisterRange[]): ConfigAccess {
  for (const [access, names] of ACCESS) if (isCompatible(node, names)) return access;
  return registers.some((block) => block.name === 'config') ? 'designware' : 'other';
}

/**
 * First and last bus, inclusive; 0 to 255 when absent or too short; the end is capped at start + 255.
 * @throws {Trouble} FDT-024 when the range is empty or starts beyond bus 255.
 * @source facts/arm-msi-iommu 1.1
 */
function readBusRange(node: FdtNode): readonly [number, number] {
  const property = findProperty(node, 'bus-range');
  if (property === null || property.value.length < 8) return [0, 255];
  const start = cellAt(property.value, 0);
  const end = Math.min(cellAt(property.value, 1), start + 255);
  if (start <= 255 && end >= start) return [start, end];
  throw new Trouble('FDT-024', `bus-range of ${node.path} is not a range of buses`, {
    at: { offsetBytes: property.offsetBytes },
    expected: 'first bus <= last bus, first bus <= 255',
    actual: `${start}..${end}`,
  });
}

/**
 * `iommu-map` or `msi-map` with its mask: four cells an entry whatever the controller's own cell count is. A length that
 * is not a multiple of 16 is kept, since both kernels notice it only at a look-up.
 * @source facts/arm-msi-iommu 1.4
 */
function readIdMap(tree: DeviceTree, node: FdtNode, name: 'iommu-map' | 'msi-map'): IdMap | null {
  const property = findProperty(node, name);
  if (property === null) return null;
  const { value } = property;
  const entries = [];
  for (let cell = 0; cell + 4 <= Math.floor(value.length / 4); cell += 4) {
    entries.push({
      idBase: cellAt(value, cell),
      target: tree.nodeOf(cellAt(value, cell + 1))?.path ?? null,
      outBase: cellAt(value, cell + 2),
      length: cellAt(value, cell + 3),
    });
  }
  return { lengthBytes: value.length, mask: readCell(node, `${name}-mask`) ?? 0xffffffff, entries };
}

/** Phandles, each followed by as many cells as its node's `#msi-cells` says (absent: none). */
function readMsiParents(tree: DeviceTree, node: FdtNode): readonly FdtNode[] {
  const property = findProperty(node, 'msi-parent');
  if (property === null) return [];
  const count = Math.floor(property.value.length / 4);
  const parents: FdtNode[] = [];
  for (let cell = 0; cell < count; cell += 1) {
    const parent = tree.nodeOf(cellAt(property.value, cell));
    if (parent === null) continue;
    parents.push(parent);
    cell += readCell(parent, '#msi-cells') ?? 0;
  }
  return parents;
}

function isPci(node: FdtNode): boolean {
  return readText(node, 'device_type') === 'pci';
}
