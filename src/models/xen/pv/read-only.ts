import type { HostBridge } from '../../../platform/platform.js';
import { mmcfgKey } from '../../../state/irq.js';
import type { Context } from '../../context.js';
import { msixFrames } from '../msi.js';

const PAGE = 4096;
const BUS_BYTES = 0x10_0000;

/**
 * Whether a frame of devices may be mapped for reading only: MSI-X tables Xen set up, and the windows of configuration
 * space. Interrupt controllers are in it too; nobody but Xen has permission for those.
 * @source xen/arch/x86/msi.c, xen/arch/x86/x86_64/mmconfig_64.c (pci_mmcfg_arch_enable)
 */
export function isReadOnly(context: Context, frame: number): boolean {
  return (
    msixFrames(context).some(([first, last]) => frame >= first && frame <= last) ||
    context.env.platform.bridges.some((bridge) => isWindow(context, bridge, frame * PAGE))
  );
}

function isWindow({ state }: Context, bridge: HostBridge, address: number): boolean {
  const { cfgBase, pciDomain, busStart, busEnd } = bridge;
  const first = cfgBase + busStart * BUS_BYTES;
  if (address < first || address >= cfgBase + (busEnd + 1) * BUS_BYTES) return false;
  return pciDomain === null || state.irq.mmcfg[mmcfgKey(pciDomain, busStart, busEnd)] !== false;
}
