import { assertNever } from '../../base/assert.js';
import type { HostBridge, IdMap, MsiController, Smmu } from '../../platform/platform.js';
import type { AddressTranslator, RegisterRange } from './fdt/address.js';
import { exactNumber } from './fdt/exact.js';
import { isAvailable, readCell, readTexts } from './fdt/property.js';
import type { DeviceTree, FdtNode } from './fdt/tree.js';

/** What registers of the hardware say and the tree does not. */
export interface RegisterFacts {
  /** SMMUv3 SMMU_IDR1.SIDSIZE; by default wide enough for every StreamID the tree maps to that SMMU, at least 16. */
  readonly streamIdBits?: number;
  /** ITS GITS_TYPER.Devbits + 1; by default wide enough for every DeviceID mapped to that ITS, at least 16. */
  readonly deviceIdBits?: number;
  /** ITS GITS_TYPER.ID_bits + 1; by default 16. */
  readonly eventIdBits?: number;
  /** GICv2m MSI_TYPER for frames whose node does not override it; by default 0 SPIs, nothing can be delivered. */
  readonly v2mSpis?: { readonly base: number; readonly count: number };
}

type Role = Smmu['model'] | MsiController['model'];

/** What a node is, by any text of `compatible`. SMMUs: all that Xen's smmu.c and smmu-v3.c and Linux's arm-smmu.c match. */
const ROLES: ReadonlyMap<string, Role> = new Map([
  ['arm,smmu-v1', 'smmuv2'],
  ['arm,smmu-v2', 'smmuv2'],
  ['arm,mmu-400', 'smmuv2'],
  ['arm,mmu-401', 'smmuv2'],
  ['arm,mmu-500', 'smmuv2'],
  ['cavium,smmu-v2', 'smmuv2'],
  ['nvidia,smmu-500', 'smmuv2'],
  ['qcom,smmu-v2', 'smmuv2'],
  ['arm,smmu-v3', 'smmuv3'],
  ['arm,gic-v3-its', 'its'],
  ['arm,gic-v2m-frame', 'gicv2m'],
  ['xlnx,nwl-pcie-2.11', 'nwl'],
  ['apm,xgene1-msi', 'xgene'],
]);

/** SMMUv2 StreamIDs are masked with 0x7fff. @source facts/arm-msi-iommu 6.5 */
const SMMU_V2_STREAM_BITS = 15;

/** No id map reaches a controller with fewer bits: a requester id has 16. */
const MINIMUM_BITS = 16;

/** The SMMUs and MSI controllers of a tree, each kind in flattened order. */
export interface Controllers {
  readonly smmus: readonly Smmu[];
  readonly msiControllers: readonly MsiController[];
}

/**
 * Finds the available SMMUs and MSI controllers; one without a translatable register block cannot be driven and is left out.
 * @source facts/arm-msi-iommu 3.1, 4, 5.1, 5.2, 6.1, 6.5, 7.3
 */
export function readControllers(
  tree: DeviceTree,
  addresses: AddressTranslator,
  bridges: readonly HostBridge[],
  facts: RegisterFacts,
): Controllers {
  const streamBits = neededBits(bridges, (bridge) => bridge.iommuMap);
  const deviceBits = neededBits(bridges, (bridge) => bridge.msiMap);
  const smmus: Smmu[] = [];
  const msiControllers: MsiController[] = [];
  for (const node of tree.nodes) {
    const role = roleOf(node);
    if (role === null || !isAvailable(node)) continue;
    const registers = addresses.registers(node);
    const base = baseOf(node, registers);
    if (base === null) continue;
    if (role === 'smmuv2' || role === 'smmuv3') {
      smmus.push(smmu(node, role, base, facts.streamIdBits ?? streamBits.get(node.path)));
    } else {
      const deviceIdBits = facts.deviceIdBits ?? deviceBits.get(node.path);
      const controller = msiController(node, role, base, registers, deviceIdBits, facts);
      if (controller !== null) msiControllers.push(controller);
    }
  }
  return { smmus, msiControllers };
}

function roleOf(node: FdtNode): Role | null {
  for (const text of readTexts(node, 'compatible') ?? []) {
    const role = ROLES.get(text);
    if (role !== undefined) return role;
  }
  return null;
}

function smmu(node: FdtNode, model: Smmu['model'], base: number, bits = MINIMUM_BITS): Smmu {
  return model === 'smmuv3'
    ? { node: node.path, model, base, streamIdBits: bits, twoLevel: true }
    : { node: node.path, model, base, streamIdBits: SMMU_V2_STREAM_BITS, twoLevel: false };
}

function msiController(
  node: FdtNode,
  model: MsiController['model'],
  base: number,
  registers: readonly RegisterRange[],
  deviceIdBits = MINIMUM_BITS,
  facts: RegisterFacts = {},
): MsiController | null {
  const plain = { node: node.path, model, base, deviceIdBits: 0, eventIdBits: 0, spiBase: 0, spiCount: 0 };
  switch (model) {
    case 'its':
      return { ...plain, doorbell: base + 0x10040, deviceIdBits, eventIdBits: facts.eventIdBits ?? 16 };
    case 'gicv2m': {
      // The overrides count only together; otherwise the MSI_TYPER register speaks, which the tree does not show.
      const spiBase = readCell(node, 'arm,msi-base-spi');
      const spiCount = readCell(node, 'arm,msi-num-spis');
      const spis =
        spiBase !== null && spiCount !== null
          ? { spiBase, spiCount }
          : { spiBase: facts.v2mSpis?.base ?? 0, spiCount: facts.v2mSpis?.count ?? 0 };
      return { ...plain, doorbell: base + 0x40, ...spis };
    }
    case 'nwl': {
      const pcireg = registers.findIndex((block) => block.name === 'pcireg');
      const doorbell = pcireg < 0 ? null : baseOf(node, registers, pcireg);
      return doorbell === null ? null : { ...plain, doorbell };
    }
    case 'xgene':
      return { ...plain, doorbell: base };
    case 'axi':
      // Its doorbell is a page the driver picks at run time; the tree does not show it.
      return null;
    default:
      return assertNever(model, 'MSI controller');
  }
}

function baseOf(node: FdtNode, registers: readonly RegisterRange[], index = 0): number | null {
  const address = registers[index]?.cpuAddress ?? null;
  return address === null ? null : exactNumber(address, node.offsetBytes, 'reg');
}

/** By target node: the bits of the largest id any bridge's map sends there, at least 16. */
function neededBits(
  bridges: readonly HostBridge[],
  mapOf: (bridge: HostBridge) => IdMap | null,
): ReadonlyMap<string, number> {
  const bits = new Map<string, number>();
  for (const bridge of bridges) {
    for (const entry of mapOf(bridge)?.entries ?? []) {
      if (entry.target === null || entry.length === 0) continue;
      const last = Math.min(entry.outBase + entry.length - 1, 0xffffffff);
      const wanted = Math.max(MINIMUM_BITS, 32 - Math.clz32(last));
      if (wanted > (bits.get(entry.target) ?? 0)) bits.set(entry.target, wanted);
    }
  }
  return bits;
}
