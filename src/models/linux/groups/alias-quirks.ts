import type { GroupNode } from './node.js';

/** Translation happens at the bridge, not at the root bus: aliases end below it (ThunderX2). */
export const translatesAtBridge = (vendor: number, device: number): boolean =>
  vendor === 0x14e4 && (device === 0x9000 || device === 0x9084);

/**
 * Whether a bridge without a PCI Express capability is a PCIe-to-PCI bridge after all, and takes requests over as
 * (secondary, 00.0): it stands below a PCIe port that is no such bridge itself.
 * @source drivers/pci/quirks.c `quirk_use_pcie_bridge_dma_alias`
 */
export function takesOverAsSecondary(
  bridge: Pick<GroupNode, 'vendor' | 'device' | 'type' | 'isBridge'>,
  above: Pick<GroupNode, 'type'> | null,
): boolean {
  if (!hiddenExpress.has(bridge.vendor * 0x1_0000 + bridge.device)) return false;
  return (
    bridge.isBridge &&
    bridge.type === null &&
    above !== null &&
    above.type !== null &&
    above.type !== 'pcie-to-pci'
  );
}

/** ASM1083, Tundra 8113, ITE 8892 and 8893, 82801. */
const hiddenExpress: ReadonlySet<number> = new Set([
  0x1b21_1080, 0x10e3_8113, 0x1283_8892, 0x1283_8893, 0x8086_244e,
]);
