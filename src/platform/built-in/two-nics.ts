import { functionId } from '../../pci/function-id.js';
import { bdf } from '../../pci/sbdf.js';
import { endpointImage } from '../images.js';
import type { HostBridge, Platform, PlatformFunction } from '../platform.js';

const INTEL = 0x8086;
const I350 = 0x1521;
const NETWORK = 0x020000;
const BAR_BYTES = 0x10_0000;

/**
 * Puts one network card behind each of the first two usable bridges of a tree, NIC-A and NIC-B, each at 01:00.0 of
 * its bridge, or on the first bus where the bridge has no other. Device trees describe bridges, not what is plugged
 * in, and facts/arm-msi-iommu 6.7 speaks of these two.
 */
export function withTwoNics(platform: Platform): Platform {
  const functions: PlatformFunction[] = [];
  for (const [index, bridge] of platform.bridges.entries()) {
    if (!bridge.available || functions.length === 2) continue;
    functions.push(nic(bridge, index, functions.length === 0 ? 'NIC-A' : 'NIC-B'));
  }
  return { ...platform, functions };
}

function nic(bridge: HostBridge, index: number, name: string): PlatformFunction {
  const bus = bridge.busEnd > bridge.busStart ? bridge.busStart + 1 : bridge.busStart;
  const window = bridge.windows.find(({ space, cpuAddress }) => space === 'mem32' && cpuAddress !== null);
  return endpointImage({
    function: functionId(index, bdf(bus, 0, 0)),
    name,
    vendorId: INTEL,
    deviceId: I350,
    classCode: NETWORK,
    bar: { address: window?.pciAddress ?? 0, sizeBytes: BAR_BYTES },
  });
}
