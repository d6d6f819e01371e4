import type { BarImage, FunctionBytes } from '../models/qemu/image.js';
import type { Releases } from '../policy/has.js';
import { placed } from './q35-functions.js';
import { QemuModel, type QemuModelOptions } from './qemu-model.js';

const MIB = 0x10_0000;

/** What a function of the emulator is made of: runs of bytes by offset. */
interface Recipe {
  readonly type: string;
  readonly config: Readonly<Record<number, readonly number[]>>;
  readonly writable: Readonly<Record<number, readonly number[]>>;
  readonly clearable: Readonly<Record<number, readonly number[]>>;
  readonly bars: readonly BarImage[];
}

/** Offsets of the emulated GPU's capabilities. @source facts/arm-msi-iommu 7.1, 8.3, 8.4 for their layouts */
export const vgpuReg = {
  msi: 0x50,
  express: 0x60,
  power: 0xa0,
  aer: 0x100,
  acs: 0x148,
  sriov: 0x160,
  vendorSpecific: 0x1a0,
} as const;

const commonWritable = { 4: [0x07, 0x05], 12: [0xff], 60: [0xff] } as const;

/** PCI Express endpoint, version 2, with function level reset. */
const endpoint = (next: number): readonly number[] => [0x10, next, 0x02, 0x00, 0x00, 0x80, 0x00, 0x10];

/** A 64-bit MSI of one vector. */
const msi = (next: number): readonly number[] => [0x05, next, 0x80, 0x00];
const msiWritable = { 82: [0x71, 0x00, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] } as const;

/**
 * An emulated GPU as a device-specific emulator presents it: registers and an aperture, MSI, power management, a PCI
 * Express endpoint, and above 0x100 AER, ACS, SR-IOV with two virtual functions and a vendor-specific block. Ids and
 * sizes are this tool's own.
 */
const gpu: Recipe = {
  type: 'vgpu',
  config: {
    0: [0x86, 0x80, 0x26, 0x19, 0x00, 0x00, 0x10, 0x00, 0x02, 0x00, 0x80, 0x03],
    14: [0x80],
    16: [0x04],
    24: [0x0c],
    44: [0x86, 0x80, 0x26, 0x19],
    52: [vgpuReg.msi],
    61: [0x01],
    [vgpuReg.msi]: msi(vgpuReg.express),
    [vgpuReg.express]: endpoint(vgpuReg.power),
    // Power management version 3 with PME from D0, D3hot and D3cold.
    [vgpuReg.power]: [0x01, 0x00, 0x03, 0xc8],
    [vgpuReg.aer]: [0x01, 0x00, 0x82, 0x14],
    [vgpuReg.aer + 12]: [0x30, 0x20, 0x46],
    // Request and completion redirect, direct translated: what keeps two functions apart.
    [vgpuReg.acs]: [0x0d, 0x00, 0x01, 0x16, 0x4c],
    [vgpuReg.sriov]: [0x10, 0x00, 0x01, 0x1a],
    [vgpuReg.sriov + 12]: [0x02, 0x00, 0x02, 0x00],
    [vgpuReg.sriov + 20]: [0x02, 0x00, 0x01, 0x00, 0x00, 0x00, 0x27, 0x19, 0x53, 0x05, 0x00, 0x00, 0x01],
    [vgpuReg.vendorSpecific]: [0x0b, 0x00, 0x01, 0x00, 0x08, 0x00, 0x01, 0x02],
  },
  writable: {
    ...commonWritable,
    // BAR 0 of 1 MiB, BAR 2 of 32 MiB; both 64 bits wide.
    18: [0xf0, 0xff, 0xff, 0xff, 0xff, 0xff],
    27: [0xfe, 0xff, 0xff, 0xff, 0xff],
    ...msiWritable,
    [vgpuReg.express + 8]: [0x0f, 0x80],
    [vgpuReg.power + 4]: [0x03, 0x01],
    [vgpuReg.aer + 8]: [0x30, 0xf0, 0xff, 0x03, 0x30, 0xf0, 0xff, 0x03],
    [vgpuReg.aer + 20]: [0xc1, 0xf1],
    [vgpuReg.acs + 6]: [0x4c],
    [vgpuReg.sriov + 8]: [0x19],
    [vgpuReg.sriov + 16]: [0xff, 0xff],
    [vgpuReg.sriov + 32]: [0x01],
  },
  clearable: {
    7: [0xf9],
    [vgpuReg.express + 10]: [0x0f],
    [vgpuReg.power + 5]: [0x80],
    [vgpuReg.aer + 4]: [0x30, 0xf0, 0xff, 0x03],
    [vgpuReg.aer + 16]: [0xc1, 0xf1],
  },
  bars: [
    { index: 0, sizeBytes: MIB, type: 4 },
    { index: 2, sizeBytes: 32 * MIB, type: 12 },
  ],
};

/** Its audio function. */
const audio: Recipe = {
  type: 'vgpu-audio',
  config: {
    0: [0x86, 0x80, 0x70, 0x9d, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x03, 0x04],
    14: [0x80],
    16: [0x04],
    44: [0x86, 0x80, 0x70, 0x9d],
    52: [vgpuReg.msi],
    61: [0x02],
    [vgpuReg.msi]: msi(vgpuReg.express),
    [vgpuReg.express]: endpoint(0),
    [vgpuReg.aer]: [0x01, 0x00, 0x02, 0x00],
  },
  writable: {
    ...commonWritable,
    17: [0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ...msiWritable,
    [vgpuReg.express + 8]: [0x0f, 0x80],
  },
  clearable: { 7: [0xf9], [vgpuReg.express + 10]: [0x0f] },
  bars: [{ index: 0, sizeBytes: 0x4000, type: 4 }],
};

const EXTENDED_BYTES = 4096;

function functionBytes({ type, config, writable, clearable, bars }: Recipe): FunctionBytes {
  return { type, config: laid(config), writeMask: laid(writable), clearMask: laid(clearable), bars };
}

function laid(runs: Recipe['config']): Uint8Array {
  const bytes = new Uint8Array(EXTENDED_BYTES);
  for (const [at, run] of Object.entries(runs)) bytes.set(run, Number(at));
  return bytes;
}

export type VgpuOptions = Pick<QemuModelOptions, 'name' | 'latencyNs' | 'failure'> & {
  /** Bus it registers its functions on, for good: nobody tells it when the guest renumbers. */
  readonly bus: number;
  readonly functions: readonly ('gpu' | 'audio')[];
};

/**
 * A device-specific emulator: a server of its own with functions that stand behind a root port of somebody else. It
 * registers BARs as the guest enables them, virtual functions as they appear, and sends messages. It has no port, so
 * errors and power-management events of its functions are not its to raise.
 */
export const vgpuEmulator = (releases: Releases, { bus, functions, ...options }: VgpuOptions): QemuModel =>
  new QemuModel(
    { ...options, names: 'announced', configBytes: 4096, rootBus: bus },
    {
      board: {
        kind: 'q35',
        ramBytes: 0,
        nativeHotplug: true,
        pciexbarMasks: 'qemu',
        lowMemoryOnly: false,
        smbaseSmram: true,
        releases,
      },
      functions: functions.map((one) =>
        placed(functionBytes(one === 'gpu' ? gpu : audio), one === 'gpu' ? 0 : 1, null, one),
      ),
      pluggable: [],
    },
  );
