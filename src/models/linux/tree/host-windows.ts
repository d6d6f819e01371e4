import type { HostWindow } from '../../../platform/platform.js';
import type { Context } from '../../context.js';
import { busName, type Tree, type TreeBus } from './device.js';
import { flag, has, newResource, sizeOf } from './resource.js';

/**
 * A host bridge's windows as Linux takes them: in the order of firmware, neighbours joined. Ports of a device tree get
 * numbers of Linux' own, one bridge after the other from 0 on; what cannot be translated or is empty falls away.
 * @source facts/arm-msi-iommu 1.2; drivers/pci/of.c, pci_register_host_bridge of v6.1
 */
export function hostWindows(context: Context, tree: Tree, host: number): TreeBus['windows'] {
  const { platform } = context.env;
  const isX86 = platform.arch === 'x86_64';
  let nextPort = tree.roots
    .flatMap(({ windows }) => windows)
    .filter(({ resource }) => has(resource, flag.io))
    .reduce((sum, { resource }) => sum + sizeOf(resource), 0);
  const windows: { resource: ReturnType<typeof newResource>; offset: number }[] = [];
  for (const one of joined(platform.bridges[host]?.windows ?? [])) {
    if (one.space === 'config' || one.cpuAddress === null || one.sizeBytes === 0) continue;
    const isPort = one.space === 'io';
    const start = isPort && !isX86 ? nextPort : one.cpuAddress;
    if (isPort) nextPort += one.sizeBytes;
    const flags =
      (isPort ? flag.io : flag.mem) |
      (!isPort && one.prefetchable ? flag.prefetch : 0) |
      (isX86 ? flag.window : 0);
    const resource = newResource(
      `PCI Bus ${busNameOf(platform, host)}`,
      flags,
      start,
      start + one.sizeBytes - 1,
    );
    windows.push({ resource, offset: start - one.pciAddress });
  }
  return windows;
}

const busNameOf = (platform: Context['env']['platform'], host: number): string => {
  const bridge = platform.bridges[host];
  const segment = bridge?.pciDomain ?? host;
  return busName({ segment, number: bridge?.busStart ?? 0 } as TreeBus);
};

/** Windows of one kind that go on where the one before ended are one. */
function joined(windows: readonly HostWindow[]): readonly HostWindow[] {
  const result: HostWindow[] = [];
  for (const one of windows) {
    const last = result.at(-1);
    const goesOn =
      last !== undefined &&
      last.space === one.space &&
      last.prefetchable === one.prefetchable &&
      last.cpuAddress !== null &&
      last.cpuAddress + last.sizeBytes === one.cpuAddress &&
      last.pciAddress + last.sizeBytes === one.pciAddress;
    if (goesOn) result[result.length - 1] = { ...last, sizeBytes: last.sizeBytes + one.sizeBytes };
    else result.push(one);
  }
  return result;
}
