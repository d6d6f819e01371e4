import type { CfgBase } from '../../../src/base/brand.js';
import type { HostBridge } from '../../../src/platform/platform.js';
import type { ConsoleFacts } from './console.js';

/** Host bridges of a recorded x86 machine: one per MMCFG window that Xen's boot log names. */
export function recordedBridges({ windows }: Pick<ConsoleFacts, 'windows'>): HostBridge[] {
  return windows.map(({ base, segment, first, last }) => ({
    node: `MCFG${segment}`,
    compatible: [],
    access: 'mmcfg',
    cfgBase: (base + first * 0x10_0000) as CfgBase,
    cfgSizeBytes: (last - first + 1) * 0x10_0000,
    busStart: first,
    busEnd: last,
    available: true,
    xenPassthrough: false,
    isPciNode: true,
    pciDomain: segment,
    iommuMap: null,
    msiMap: null,
    msiParents: [],
    windows: [],
    registers: [],
  }));
}
