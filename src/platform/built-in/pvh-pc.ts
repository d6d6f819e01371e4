import type { CfgBase } from '../../base/brand.js';
import { functionId } from '../../pci/function-id.js';
import { bdf } from '../../pci/sbdf.js';
import { ConfigImage } from '../config-image.js';
import { plainBridge } from '../plain-bridge.js';
import { emptyPlatform, type Platform, type PlatformFunction } from '../platform.js';

/** Where the MMCFG window of `pvhPc` starts. */
export const PC_MMCFG = 0xb000_0000 as CfgBase;

const hostBridge = (): PlatformFunction =>
  new ConfigImage(256).identity(0x8086, 0x29c0, 0x060000, 0x0103).build(functionId(0, bdf(0, 0, 0)), 'MCH');

/** A network card: two memory BARs, an I/O BAR, a ROM, MSI, MSI-X with its table in BAR 3. */
export const networkCard = (slot: number, fn = 0): PlatformFunction =>
  new ConfigImage(4096)
    .identity(0x8086, 0x10d3, 0x020000, 0x0103)
    .bar(0, 0xfe14_0000, 0x2_0000, 'mem')
    .bar(2, 0xe040, 0x20, 'io')
    .bar(3, 0xfe18_0000, 0x4000, 'mem')
    .rom(0xfe10_0000, 0x4_0000)
    .capabilities([0xc8, 0x01], [0xd0, 0x05], [0xe0, 0x10], [0xa0, 0x11])
    .word(0xd2, 0x0080, 0x0071)
    .dword(0xd4, 0, 0xffff_fffc)
    .dword(0xd8, 0, 0xffff_ffff)
    .word(0xdc, 0, 0xffff)
    .word(0xe2, 0x0002)
    .word(0xa2, 4, 0xc000)
    .dword(0xa4, 3)
    .dword(0xa8, 0x2003)
    .extended([0x100, 0x01], [0x140, 0x03])
    .build(functionId(0, bdf(0, slot, fn)), `NIC-${slot}.${fn}`);

/** A display adapter: one wide BAR of 256 MiB that can grow to 1 GiB, eight maskable MSI vectors. */
const graphicsCard = (): PlatformFunction =>
  new ConfigImage(4096)
    .identity(0x1002, 0x73bf, 0x030000, 0x0003)
    .bar(0, 0x8_0000_0000, 0x1000_0000, 'wide-prefetch')
    .capabilities([0x50, 0x05], [0x80, 0x10])
    .word(0x52, 0x0186, 0x0071)
    .dword(0x54, 0, 0xffff_fffc)
    .dword(0x58, 0, 0xffff_ffff)
    .word(0x5c, 0, 0xffff)
    .dword(0x60, 0, 0xff)
    .word(0x82, 0x0002)
    .extended([0x100, 0x15])
    .dword(0x104, 0x0000_7000)
    .dword(0x108, 0x0000_0820, 0x3f00)
    .build(functionId(0, bdf(0, 4, 0)), 'GPU');

/**
 * A PC with one MMCFG window, a network card and a display adapter: what a PVH hardware domain sees through vPCI.
 * The card's registers are laid out like those of an Intel 82574L.
 */
export const pvhPc = (extra: readonly PlatformFunction[] = []): Platform => ({
  ...emptyPlatform,
  name: 'pc-mmcfg',
  arch: 'x86_64',
  bridges: [
    plainBridge({
      node: '\\_SB.PCI0',
      compatible: ['PNP0A08'],
      access: 'mmcfg',
      cfgBase: PC_MMCFG,
      busStart: 0,
      busEnd: 255,
      windows: [],
    }),
  ],
  functions: [hostBridge(), networkCard(2), graphicsCard(), ...extra],
});
