import type { HostBridge } from './platform.js';

/** What differs between host bridges that no device tree describes. */
export type PlainBridge = Pick<
  HostBridge,
  'node' | 'compatible' | 'access' | 'cfgBase' | 'busStart' | 'busEnd' | 'windows'
>;

/** A host bridge of segment 0 without device-tree properties, with 256 MiB of configuration window. */
export function plainBridge(bridge: PlainBridge): HostBridge {
  const { node, compatible, access, cfgBase, busStart, busEnd, windows } = bridge;
  // The order of entries is that of the file header, where equal platforms have equal bytes.
  return {
    node,
    compatible,
    access,
    cfgBase,
    cfgSizeBytes: 0x1000_0000,
    registers: [],
    busStart,
    busEnd,
    available: true,
    xenPassthrough: false,
    isPciNode: false,
    pciDomain: 0,
    iommuMap: null,
    msiMap: null,
    msiParents: [],
    windows,
  };
}
