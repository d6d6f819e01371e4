import type { CfgBase } from '../../base/brand.js';
import { type FunctionId, functionId } from '../../pci/function-id.js';
import { bdf } from '../../pci/sbdf.js';
import { plainBridge } from '../../platform/plain-bridge.js';
import {
  emptyPlatform,
  type HostWindow,
  type Platform,
  type PlatformFunction,
} from '../../platform/platform.js';

/** A BAR as a card has it: its register, its size and the bits that say its kind. */
export interface Bar {
  readonly index: number;
  readonly sizeBytes: number;
  readonly kind: 'io' | 'mem' | 'pref64';
}

interface Place {
  /** Host bridge, and the bus its id names. */
  readonly host: number;
  readonly bus: number;
  readonly device: number;
  readonly behind?: FunctionId;
}

const kindBits = { io: 1, mem: 0, pref64: 0xc } as const;

function blank(
  { host, bus, device, behind }: Place,
  name: string,
  vendorAndDevice: number,
): {
  config: DataView;
  mask: DataView;
  done(present?: boolean): PlatformFunction;
} {
  const config = new Uint8Array(4096);
  const writeMask = new Uint8Array(4096);
  const view = new DataView(config.buffer);
  const mask = new DataView(writeMask.buffer);
  view.setUint32(0, vendorAndDevice, true);
  mask.setUint16(0x04, 0x0547, true);
  mask.setUint8(0x3c, 0xff);
  return {
    config: view,
    mask,
    done: (present = true) => ({
      function: functionId(host, bdf(bus, device, 0)),
      name,
      config,
      writeMask,
      clearMask: null,
      present,
      ...(behind === undefined ? {} : { behind }),
    }),
  };
}

/** A card with these BARs, none with an address. */
export function card(place: Place, name: string, bars: readonly Bar[], present = true): PlatformFunction {
  const { config, mask, done } = blank(place, name, 0x0005_1b36);
  config.setUint32(0x08, 0x00ff_0000, true);
  for (const { index, sizeBytes, kind } of bars) {
    const at = 0x10 + 4 * index;
    config.setUint32(at, kindBits[kind], true);
    mask.setUint32(at, (2 ** 32 - sizeBytes) >>> 0, true);
    if (kind === 'pref64') mask.setUint32(at + 4, 0xffff_ffff, true);
  }
  return done(present);
}

/** What firmware left in a port; absent: nothing. */
export interface Firmware {
  readonly secondary: number;
  /** First and last megabyte step of memory and of prefetchable memory, as the registers hold them. */
  readonly memory: readonly [number, number];
  readonly prefetch: readonly [number, number];
}

/** A root port whose slot takes a device later, with all windows. */
export function port(place: Place, name: string, firmware: Firmware | null): PlatformFunction {
  const { config, mask, done } = blank(place, name, 0x000c_1b36);
  config.setUint16(0x06, 0x0010, true);
  config.setUint32(0x08, 0x0604_0000, true);
  config.setUint8(0x0e, 1);
  config.setUint8(0x34, 0x40);
  // PCI Express, version 2, root port with a slot that can be plugged.
  config.setUint32(0x40, 0x0142_0010, true);
  config.setUint32(0x54, 0x0000_0060, true);
  mask.setUint32(0x18, 0x00ff_ffff, true);
  mask.setUint16(0x1c, 0xf0f0, true);
  mask.setUint32(0x20, 0xfff0_fff0, true);
  mask.setUint32(0x24, 0xfff0_fff0, true);
  for (const reg of [0x28, 0x2c, 0x30]) mask.setUint32(reg, 0xffff_ffff, true);
  mask.setUint16(0x3e, 0x0fff, true);
  config.setUint16(0x1c, 0x00f0, true);
  config.setUint32(0x20, 0x0000_fff0, true);
  config.setUint32(0x24, 0x0001_fff1, true);
  if (firmware !== null) {
    const { secondary, memory, prefetch } = firmware;
    config.setUint16(0x04, 0x0003, true);
    config.setUint16(0x19, secondary * 0x101, true);
    config.setUint32(0x20, (memory[0] | (memory[1] << 16)) >>> 0, true);
    config.setUint32(0x24, (prefetch[0] | 1 | ((prefetch[1] | 1) << 16)) >>> 0, true);
  }
  return done();
}

const window = (space: HostWindow['space'], address: number, sizeBytes: number): HostWindow => ({
  space,
  prefetchable: false,
  pciAddress: address,
  cpuAddress: address,
  sizeBytes,
});

/** A PC with one host bridge and the windows its firmware names. */
export function pc(functions: readonly PlatformFunction[]): Platform {
  const bridge = plainBridge({
    node: 'PCI0',
    compatible: [],
    access: 'mmcfg',
    cfgBase: 0xb000_0000 as CfgBase,
    busStart: 0,
    busEnd: 255,
    windows: [
      window('io', 0x0, 0xcf8),
      window('io', 0xd00, 0xf300),
      window('mem32', 0xc000_0000, 0x3ec0_0000),
      window('mem64', 0x1_0000_0000, 0x8_0000_0000),
    ],
  });
  return { ...emptyPlatform, name: 'pc', arch: 'x86_64', bridges: [bridge], functions };
}
