import type { CfgBase } from '../../base/brand.js';
import { Trouble } from '../../base/errors.js';
import { limits } from '../../base/limits.js';
import type { HostBridge, Platform, RegisterBlock } from '../../platform/platform.js';
import { type DtBridge, hostBridgeNodes, readBridge } from './dt-bridge.js';
import { type RegisterFacts, readControllers } from './dt-controllers.js';
import { readWindows } from './dt-windows.js';
import { AddressTranslator } from './fdt/address.js';
import { exactNumber } from './fdt/exact.js';
import { readText } from './fdt/property.js';
import { readDeviceTree } from './fdt/read.js';
import { type DeviceTree, type FdtNode, findProperty } from './fdt/tree.js';

/**
 * The platform a device tree describes: host bridges in flattened order, disabled ones included; available SMMUs and MSI
 * controllers; no functions, since a tree does not list what is plugged in (see `withFunctions`).
 *
 * @param facts What hardware registers say and the tree does not; the defaults fit every id the tree maps.
 * @throws {Trouble} FDT-001 to FDT-027 with the offset in the blob.
 * @source facts/arm-msi-iommu 1
 * @cost O(bytes) plus address translation, bounded by `limits`.
 */
export function platformFromDtb(bytes: Uint8Array, facts: RegisterFacts = {}): Platform {
  return platformFromTree(readDeviceTree(bytes), facts);
}

/** The same for a tree that is already read. */
export function platformFromTree(tree: DeviceTree, facts: RegisterFacts = {}): Platform {
  const addresses = new AddressTranslator();
  const nodes = hostBridgeNodes(tree);
  if (nodes.length > limits.bridges) {
    throw new Trouble('FDT-019', 'too many host bridges', {
      at: { offsetBytes: nodes[limits.bridges]!.offsetBytes },
      expected: `at most ${limits.bridges}`,
      actual: String(nodes.length),
    });
  }
  const bridges = nodes.map((node) => hostBridge(readBridge(tree, node, addresses), addresses));
  return {
    name: readText(tree.root, 'model') ?? readText(tree.root, 'compatible') ?? 'device tree',
    arch: 'arm64',
    bridges,
    functions: [],
    ...readControllers(tree, addresses, bridges, facts),
  };
}

function hostBridge(bridge: DtBridge, addresses: AddressTranslator): HostBridge {
  const { node } = bridge;
  const regAt = findProperty(node, 'reg')?.offsetBytes ?? node.offsetBytes;
  const registers: readonly RegisterBlock[] = bridge.registers.map((block) => ({
    name: block.name,
    base: block.cpuAddress === null ? null : exactNumber(block.cpuAddress, regAt, 'reg'),
    sizeBytes: exactNumber(block.sizeBytes, regAt, 'reg'),
  }));
  const config = registers[bridge.configIndex];
  if (config === undefined || config.base === null) throw noConfigWindow(node, regAt, config !== undefined);
  return {
    node: node.path,
    compatible: bridge.compatible,
    access: bridge.access,
    cfgBase: config.base as CfgBase,
    cfgSizeBytes: config.sizeBytes,
    registers,
    busStart: bridge.busStart,
    busEnd: bridge.busEnd,
    available: bridge.available,
    xenPassthrough: findProperty(node, 'xen,passthrough') !== null,
    isPciNode: readText(node, 'device_type') === 'pci',
    pciDomain: bridge.pciDomain === null ? null : bridge.pciDomain & 0xffff,
    iommuMap: bridge.iommuMap,
    msiMap: bridge.msiMap,
    msiParents: bridge.msiParents.map((parent) => parent.path),
    windows: readWindows(node, addresses),
  };
}

function noConfigWindow(node: FdtNode, offsetBytes: number, hasBlock: boolean): Trouble {
  return new Trouble('FDT-025', `host bridge ${node.path} has no configuration window`, {
    at: { offsetBytes },
    expected: 'a reg block that every parent translates',
    actual: hasBlock ? 'one that some parent has no ranges for' : 'no reg block',
    hint: 'its address is what identifies a bridge; mend reg, or ranges of a parent',
  });
}
