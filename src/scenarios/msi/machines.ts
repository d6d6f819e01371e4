import { platformFromDtb } from '../../importers/dtb/dt-platform.js';
import { functionId } from '../../pci/function-id.js';
import { bdf } from '../../pci/sbdf.js';
import { twoBridgesDtb } from '../../platform/built-in/two-bridges.js';
import { withTwoNics } from '../../platform/built-in/two-nics.js';
import type { MsiController, Platform } from '../../platform/platform.js';

const plain = { deviceIdBits: 0, eventIdBits: 0, spiBase: 0, spiCount: 0 };

/** A GICv2m frame of eight SPIs. @source facts/arm-msi-iommu 4 */
export const v2mFrame: MsiController = {
  ...plain,
  node: '/interrupt-controller@2f000000/v2m@2c1c0000',
  model: 'gicv2m',
  base: 0x2c1c_0000,
  doorbell: 0x2c1c_0040,
  spiBase: 224,
  spiCount: 8,
};

/** The MSI block of the binding. @source facts/arm-msi-iommu 5.2 */
export const xgeneBlock: MsiController = {
  ...plain,
  node: '/msi@79000000',
  model: 'xgene',
  base: 0x7900_0000,
  doorbell: 0x7900_0000,
  spiBase: 0x30,
};

/** ZCU102's figures. @source facts/arm-msi-iommu 5.1 */
export const nwlBlock: MsiController = {
  ...plain,
  node: '/pcie@a0000000',
  model: 'nwl',
  base: 0xfd0e_0000,
  doorbell: 0xfd48_0000,
  spiBase: 0x92,
};

/** The tree at hand, or the two-bridge one, with a card behind each bridge. */
export const twoCards = (given: Platform | null): Platform =>
  withTwoNics(given ?? platformFromDtb(twoBridgesDtb()));

/** The two-bridge machine with one more controller beside its ITS. */
export function withController(controller: MsiController): Platform {
  const platform = twoCards(null);
  return { ...platform, msiControllers: [...platform.msiControllers, controller] };
}

/**
 * Both cards behind one NWL bridge, SMMU behind it: the ZynqMP of the 2017 thread, with the figures of the built-in
 * tree where they do not matter.
 */
export function zynqMp(): Platform {
  const platform = twoCards(null);
  const bridge = platform.bridges[0]!;
  const [nicA, nicB] = platform.functions;
  return {
    ...platform,
    name: 'one NWL bridge, two cards',
    bridges: [{ ...bridge, access: 'nwl', msiMap: null, msiParents: [nwlBlock.node] }],
    functions: [nicA!, { ...nicB!, function: functionId(0, bdf(2, 0, 0)) }],
    msiControllers: [nwlBlock],
  };
}

/** An x86 machine with the same cards. */
export function x86(): Platform {
  return { ...twoCards(null), name: 'x86, two cards', arch: 'x86_64', smmus: [], msiControllers: [] };
}
