import type { AddressTranslator, RegisterRange } from './fdt/address.js';
import { exactNumber } from './fdt/exact.js';
import { isAvailable, isCompatible, readCell } from './fdt/property.js';
import type { DeviceTree, FdtNode } from './fdt/tree.js';
import type { HostBridge, IdMap, MsiController, Smmu } from './platform.js';

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

/** All that Xen's and Linux's SMMUv1/v2 drivers match (xen/drivers/passthrough/arm/smmu.c, Linux arm-smmu.c). */
const SMMU_V2: ReadonlySet<string> = new Set([
  'arm,smmu-v1',
  'arm,smmu-v2',
  'arm,mmu-400',
  'arm,mmu-401',
  'arm,mmu-500',
  'cavium,smmu-v2',
  'nvidia,smmu-500',
  'qcom,smmu-v2',
]);
const SMMU_V3: ReadonlySet<string> = new Set(['arm,smmu-v3']);
const ITS: ReadonlySet<string> = new Set(['arm,gic-v3-its']);
const GICV2M: ReadonlySet<string> = new Set(['arm,gic-v2m-frame']);
const NWL: ReadonlySet<string> = new Set(['xlnx,nwl-pcie-2.11']);
const XGENE: ReadonlySet<string> = new Set(['apm,xgene1-msi']);

/** SMMUv2 StreamIDs are masked with 0x7fff. @source facts/arm-msi-iommu 6.5 */
const SMMU_V2_STREAM_BITS = 15;

/** The available SMMUs of a tree. @source facts/arm-msi-iommu 6.1, 6.5 */
export function readSmmus(
  tree: DeviceTree,
  addresses: AddressTranslator,
  bridges: readonly HostBridge[],
  facts: RegisterFacts,
): readonly Smmu[] {
  const needed = neededBits(bridges, (bridge) => bridge.iommuMap);
  const smmus: Smmu[] = [];
  for (const node of tree.nodes) {
    const isV3 = isCompatible(node, SMMU_V3);
    if ((!isV3 && !isCompatible(node, SMMU_V2)) || !isAvailable(node)) continue;
    const base = baseOf(node, addresses.registers(node));
    if (base === null) continue;
    const bits = facts.streamIdBits ?? needed.get(node.path) ?? MINIMUM_BITS;
    smmus.push(
      isV3
        ? { node: node.path, model: 'smmuv3', base, streamIdBits: bits, twoLevel: true }
        : { node: node.path, model: 'smmuv2', base, streamIdBits: SMMU_V2_STREAM_BITS, twoLevel: false },
    );
  }
  return smmus;
}

/** The available MSI controllers of a tree. @source facts/arm-msi-iommu 3.1, 4, 5.1, 5.2, 7.3 */
export function readMsiControllers(
  tree: DeviceTree,
  addresses: AddressTranslator,
  bridges: readonly HostBridge[],
  facts: RegisterFacts,
): readonly MsiController[] {
  const needed = neededBits(bridges, (bridge) => bridge.msiMap);
  const controllers: MsiController[] = [];
  for (const node of tree.nodes) {
    const model = msiModelOf(node);
    if (model === null || !isAvailable(node)) continue;
    const registers = addresses.registers(node);
    const base = baseOf(node, registers);
    if (base === null) continue;
    const controller = {
      node: node.path,
      model,
      base,
      deviceIdBits: 0,
      eventIdBits: 0,
      spiBase: 0,
      spiCount: 0,
    };
    switch (model) {
      case 'its':
        controllers.push({
          ...controller,
          doorbell: base + 0x10040,
          deviceIdBits: facts.deviceIdBits ?? needed.get(node.path) ?? MINIMUM_BITS,
          eventIdBits: facts.eventIdBits ?? 16,
        });
        break;
      case 'gicv2m': {
        // The overrides count only together; otherwise the MSI_TYPER register speaks, which the tree does not show.
        const spiBase = readCell(node, 'arm,msi-base-spi');
        const spiCount = readCell(node, 'arm,msi-num-spis');
        const spis =
          spiBase !== null && spiCount !== null
            ? { spiBase, spiCount }
            : { spiBase: facts.v2mSpis?.base ?? 0, spiCount: facts.v2mSpis?.count ?? 0 };
        controllers.push({ ...controller, doorbell: base + 0x40, ...spis });
        break;
      }
      case 'nwl': {
        const pcireg = registers.findIndex((block) => block.name === 'pcireg');
        const doorbell = pcireg < 0 ? null : baseOf(node, registers, pcireg);
        if (doorbell !== null) controllers.push({ ...controller, doorbell });
        break;
      }
      case 'xgene':
        controllers.push({ ...controller, doorbell: base });
        break;
    }
  }
  return controllers;
}

function msiModelOf(node: FdtNode): MsiController['model'] | null {
  if (isCompatible(node, ITS)) return 'its';
  if (isCompatible(node, GICV2M)) return 'gicv2m';
  if (isCompatible(node, NWL)) return 'nwl';
  return isCompatible(node, XGENE) ? 'xgene' : null;
}

function baseOf(node: FdtNode, registers: readonly RegisterRange[], index = 0): number | null {
  const address = registers[index]?.cpuAddress ?? null;
  return address === null ? null : exactNumber(address, node.offsetBytes, 'reg');
}

const MINIMUM_BITS = 16;

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
