import type { CfgBase } from '../../base/brand.js';
import { type FunctionId, functionId } from '../../pci/function-id.js';
import { bdfOf, type Dom0Sbdf, parseSbdf, segmentOf } from '../../pci/sbdf.js';
import {
  emptyPlatform,
  type HostBridge,
  type Platform,
  type PlatformFunction,
  type ReservedRegion,
} from '../../platform/platform.js';

/**
 * First 256 bytes of functions of the recorded machine (QEMU's e1000e, NVMe and rtl8139 under Xen 4.17.7, bound to
 * pciback, `lspci -xxxx`); recordings of our own, free to use.
 */
export const realConfigs = {
  e1000e: {
    0: '86 80 d3 10 03 01 10 00 00 00 00 02 00 00 00 00',
    16: '00 00 84 fd 00 00 86 fd 01 d0 00 00 00 00 88 fd',
    32: '00 00 00 00 00 00 00 00 00 00 00 00 86 80 00 00',
    48: '00 00 80 fd c8 00 00 00 00 00 00 00 0b 01 00 00',
    160: '11 00 04 00 03 00 00 00 03 20 00 00 00 00 00 00',
    192: '00 00 00 00 00 00 00 00 01 d0 22 00 00 00 00 00',
    208: '05 e0 80 00 f8 03 e0 fe 00 00 00 00 00 00 00 00',
    224: '10 a0 01 00 00 80 00 10 00 00 00 00 11 04 00 00',
  },
  nvme: {
    0: '36 1b 10 00 03 01 10 00 02 02 08 01 10 00 00 00',
    16: '04 00 e0 fd 00 00 00 00 00 00 00 00 00 00 00 00',
    32: '00 00 00 00 00 00 00 00 00 00 00 00 f4 1a 00 11',
    48: '00 00 00 00 40 00 00 00 00 00 00 00 0b 01 00 00',
    64: '11 80 40 00 00 20 00 00 00 30 00 00 00 00 00 00',
    96: '01 00 03 00 08 00 00 00 00 00 00 00 00 00 00 00',
    128: '10 60 02 00 00 80 00 10 00 00 00 00 11 04 00 00',
  },
  rtl8139: {
    0: 'ec 10 39 81 03 01 00 00 20 00 00 02 00 00 00 00',
    16: '01 c0 00 00 00 00 a4 fd 00 00 00 00 00 00 00 00',
    32: '00 00 00 00 00 00 00 00 00 00 00 00 f4 1a 00 11',
    48: '00 00 a0 fd dc 00 00 00 00 00 00 00 0a 01 00 00',
  },
} as const;

/** A configuration space out of rows of sixteen bytes. */
export function bytesOf(rows: Readonly<Record<number, string>>, sizeBytes = 256): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (const [at, row] of Object.entries(rows)) {
    row.split(' ').forEach((byte, i) => {
      bytes[Number(at) + i] = Number.parseInt(byte, 16);
    });
  }
  return bytes;
}

/** A function of a machine with the interrupt its pin is routed to. */
export interface Wired {
  readonly name: string;
  readonly gsi: number;
  readonly driver: string | null;
  readonly described: PlatformFunction;
}

type Bits = readonly (readonly [reg: number, bits: number])[];

/** @param bars Masks of the BARs by register. @param controls Writable bits of single bytes. */
export function wired(
  name: string,
  gsi: number,
  rows: Readonly<Record<number, string>>,
  bars: Bits,
  controls: Bits = [],
  driver: string | null = null,
): Wired {
  const writeMask = new Uint8Array(4096);
  writeMask[0x04] = 0x47;
  writeMask[0x05] = 0x05;
  writeMask[0x0c] = 0xff;
  writeMask[0x3c] = 0xff;
  for (const [reg, bits] of bars) for (let i = 0; i < 4; i++) writeMask[reg + i] = (bits >>> (8 * i)) & 0xff;
  for (const [reg, bits] of controls) writeMask[reg] = bits;
  const packed = parseSbdf<Dom0Sbdf>(name)!;
  return {
    name,
    gsi,
    driver,
    described: {
      function: functionId(segmentOf(packed), bdfOf(packed)),
      name,
      config: bytesOf(rows, 4096),
      writeMask,
      clearMask: null,
      present: true,
    },
  };
}

export const nvme = wired(
  '0000:01:00.0',
  23,
  realConfigs.nvme,
  [
    [0x10, 0xffff_c000],
    [0x14, 0xffff_ffff],
  ],
  [
    [0x43, 0xc0],
    [0x88, 0xff],
    [0x89, 0x7f],
  ],
  'nvme',
);

const e1000eBars: Bits = [
  [0x10, 0xfffe_0000],
  [0x14, 0xfffe_0000],
  [0x18, 0xffff_ffe0],
  [0x1c, 0xffff_c000],
  [0x30, 0xfffc_0001],
];
const e1000eControls: Bits = [
  [0xcc, 0x03],
  [0xd2, 0x01],
  [0xa3, 0xc0],
];
export const e1000e = wired('0000:04:00.0', 23, realConfigs.e1000e, e1000eBars, e1000eControls, 'e1000e');
/** The same with the enable bit of its expansion ROM set, as firmware leaves it on some machines. */
export const e1000eWithRom = wired(
  '0000:04:00.0',
  23,
  { ...realConfigs.e1000e, 48: '01 00 80 fd c8 00 00 00 00 00 00 00 0b 01 00 00' },
  e1000eBars,
  e1000eControls,
  'e1000e',
);
/** The same card again, at the same BDF of another segment. */
export const e1000eOfSegment1 = wired(
  '0001:04:00.0',
  22,
  realConfigs.e1000e,
  e1000eBars,
  e1000eControls,
  'e1000e',
);

export const rtl8139 = wired(
  '0000:07:01.0',
  21,
  realConfigs.rtl8139,
  [
    [0x10, 0xffff_ff00],
    [0x14, 0xffff_ff00],
    [0x30, 0xfffc_0001],
  ],
  [],
  '8139cp',
);

/** A USB controller of a chipset: advanced features with FLR, one memory BAR; firmware drives it at boot. */
const usb = (name: string, id: string, gsi: number, bar: string): Wired =>
  wired(
    name,
    gsi,
    {
      0: `86 80 ${id} 06 01 90 00 04 20 03 0c 00 00 00 00`,
      16: `00 ${bar} f7 00 00 00 00 00 00 00 00 00 00 00 00`,
      48: `00 00 00 00 98 00 00 00 00 00 00 00 ${gsi.toString(16)} 01 00 00`,
      144: '00 00 00 00 00 00 00 00 13 00 06 03 00 00 00 00',
    },
    [[0x10, 0xffff_fc00]],
    [],
    'ehci-pci',
  );
export const usbLeft = usb('0000:00:1a.0', '2d 1e', 16, 'a0 d1');
export const usbRight = usb('0000:00:1d.0', '26 1e', 23, 'b0 d1');
/** Two more of them, their registers in the two halves of one page. */
export const usbLow = usb('0000:00:1a.0', '2d 1e', 16, 'a0 d1');
export const usbHigh = usb('0000:00:1d.0', '26 1e', 23, 'a4 d1');
/** What the firmware of such machines says of both: one region for its keyboard and mouse. */
export const usbRegion: ReservedRegion = {
  segment: 0,
  base: 0xdaff_8000,
  end: 0xdb00_6fff,
  devices: [bdfOf(parseSbdf<Dom0Sbdf>(usbLeft.name)!), bdfOf(parseSbdf<Dom0Sbdf>(usbRight.name)!)],
};

/** The PCIe-to-PCI bridge above the rtl8139. */
export const pciBridge = wired(
  '0000:00:04.0',
  0,
  {
    0: '36 1b 0e 00 07 01 10 00 00 00 04 06 00 00 01 00',
    16: '00 00 00 00 00 00 00 00 00 07 08 00 00 00 00 00',
    48: '00 00 00 00 40 00 00 00 00 00 00 00 00 00 02 00',
    64: '10 00 72 00 00 80 00 00 00 00 00 00 00 00 00 00',
  },
  [],
  [[0x3e, 0x7f]],
);

/** A graphics card and its sound function: no function level reset, no soft reset, and never alone on the bus. */
const card = (name: string, id: string, classCode: string): Wired =>
  wired(
    name,
    20,
    {
      0: `${id} 07 01 10 00 a1 ${classCode} 00 00 80 00`,
      16: `00 00 ${name.endsWith('0') ? '00' : '10'} f0 00 00 00 00 00 00 00 00 00 00 00 00`,
      48: '00 00 00 00 60 00 00 00 00 00 00 00 0b 01 00 00',
      96: '01 78 03 00 08 00 00 00 00 00 00 00 00 00 00 00',
      112: '00 00 00 00 00 00 00 00 10 00 02 00 00 80 00 00',
    },
    [[0x10, 0xfff0_0000]],
    [],
    name.endsWith('0') ? 'nouveau' : 'snd_hda_intel',
  );
export const graphics = card('0000:02:00.0', 'de 10 82 1c', '00 00 03');
export const sound = card('0000:02:00.1', 'de 10 b9 0f', '00 03 04');

/** An NVMe disk whose BAR lies above 4 GiB. */
export const highNvme = wired(
  '0000:03:00.0',
  23,
  { ...realConfigs.nvme, 16: '04 00 e0 fd 38 00 00 00 00 00 00 00 00 00 00 00' },
  [
    [0x10, 0xffff_c000],
    [0x14, 0xffff_ffff],
  ],
  [
    [0x43, 0xc0],
    [0x88, 0xff],
    [0x89, 0x7f],
  ],
  'nvme',
);

const bridge = (segment: number): HostBridge => ({
  node: `PCI${segment}`,
  compatible: [],
  access: 'mmcfg',
  cfgBase: (0xb000_0000 + segment * 0x1000_0000) as CfgBase,
  cfgSizeBytes: 256 << 20,
  busStart: 0,
  busEnd: 255,
  available: true,
  xenPassthrough: false,
  isPciNode: true,
  pciDomain: segment,
  iommuMap: null,
  msiMap: null,
  msiParents: [],
  windows: [],
  registers: [],
});

/** An x86 machine with these functions. */
export function machineWith(functions: readonly Wired[]): Platform {
  const segments = Math.max(0, ...functions.map((one) => segmentOf(parseSbdf(one.name)!))) + 1;
  return {
    ...emptyPlatform,
    name: 'q35',
    arch: 'x86_64',
    bridges: Array.from({ length: segments }, (_, segment) => bridge(segment)),
    functions: functions.map((one) => one.described),
  };
}

export const packed = (one: Wired): Dom0Sbdf => parseSbdf<Dom0Sbdf>(one.name)!;
export const functionOf = (one: Wired): FunctionId => one.described.function;
