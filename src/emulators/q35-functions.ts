import type { PlacedFunction } from '../models/qemu/create.js';
import type { BarImage, FunctionBytes } from '../models/qemu/image.js';

/** Documented bytes of one function type; texts of `offset=bytes` and `offset*length=byte`, all hexadecimal. */
interface Documented {
  readonly sizeBytes: number;
  readonly config: string;
  readonly writeMask: string;
  readonly clearMask: string;
  readonly bars: readonly BarImage[];
}

/**
 * Power-on bytes, writable and write-1-to-clear bits of functions of a Q35 with native hot-plug, as recorded from QEMU
 * 7.2.22 (test/fixtures/qtest). `ioh3420` stands with its slot populated.
 * @source facts/q35-qemu 1.1, 1.2, 1.3, 1.4, 2.5, 2.7
 */
const documented = {
  mch: {
    sizeBytes: 256,
    config: '0=8680c029 b=06 2c=f41a0011 50=10 63=b0 9d=0238',
    writeMask: '4=0705 c=ff 3c=ff 40*5d=ff 9d=7887 9f*61=ff',
    clearMask: '7=f9',
    bars: [],
  },
  'ICH9-LPC': {
    sizeBytes: 256,
    config: '0=86801829 8=02000106000080 2c=f41a0011 40=01 60=80808080 68=80808080',
    writeMask: '4=0705 c=ff 3c=ff00000087ff 44*bc=ff',
    clearMask: '7=f9',
    bars: [],
  },
  ioh3420: {
    sizeBytes: 4096,
    config:
      '0=868020340000100002000406000001 1c=f0000000f0ff0000f1ff01 34=90 3d=0100000d0000008680 60=05400201 90=106042010080 9c=1104 a2=11207b001200c00140 b4=200030 100=010002 10c=302046 115=e00000a002',
    writeMask:
      '4=0705 c=ff 18=fffffffff0f00000f0fff0fff0fff0 27*9=ff 3c=ff005f 48*18=ff 62=7100fcffffffffff000003 74*1c=ff 98=0f a8=f90f000007 b8=2080 cc*34=ff 10c=30f0ff03 114=c1f100004005 12c=07 148*eb8=ff',
    clearMask: '7=f9 3f=04 9a=0f aa=19 104=30f0ff03 110=c1f1 130=7f',
    bars: [],
  },
  e1000e: {
    sizeBytes: 4096,
    config:
      '0=8680d310000010 b=02 18=01 2c=8680 34=c8 3d=01 a0=11000400030000000320 c8=01d022 d0=05e080 e0=10a001000080 ec=1104 f2=11 100=01000214 10c=302046 115=e00000a0 140=030001000100aaffff005452',
    writeMask:
      '4=0705 c=ff 12=feff0000feffe0ffffff00c0ffff 30=0100fcff 3c=ff 40*60=ff a3=c0 ac*1c=ff cc=031f d2=7100fc d5*b=ff f4*c=ff 10c=30f0ff03 114=c1f100004001 14c*eb4=ff',
    clearMask: '7=f9 cd=80 104=30f0ff03 110=c1f1',
    bars: [
      { index: 0, sizeBytes: 0x20000, type: 0 },
      { index: 1, sizeBytes: 0x20000, type: 0 },
      { index: 2, sizeBytes: 0x20, type: 1 },
      { index: 3, sizeBytes: 0x4000, type: 0 },
      { index: 6, sizeBytes: 0x40000, type: 0 },
    ],
  },
  'ivshmem-plain': {
    sizeBytes: 256,
    config: '0=f41a1011 8=01000005 18=0c 2c=f41a0011',
    writeMask: '4=0705 c=ff 11=ffffff 1a=f0ffffffffff 3c=ff 40*c0=ff',
    clearMask: '7=f9',
    bars: [
      { index: 0, sizeBytes: 0x100, type: 0 },
      { index: 2, sizeBytes: 0x100000, type: 12 },
    ],
  },
  edu: {
    sizeBytes: 256,
    config: '0=3412e811000010001000ff 2c=f41a0011 34=40 3d=010000050080',
    writeMask: '4=0705 c=ff 12=f0ff 3c=ff 42=7100fc 45*bb=ff',
    clearMask: '7=f9',
    bars: [{ index: 0, sizeBytes: 0x100000, type: 0 }],
  },
  'x3130-upstream': {
    sizeBytes: 4096,
    config:
      '0=4c1032820000100002000406000001 24=010001 34=90 70=050080 80=0d70 90=1080520000800010 9c=1104 a2=11 b6=30 100=010002 10c=302046 115=e00000a002',
    writeMask:
      '4=0705 c=ff 18=fffffffff0f00000f0fff0fff0fff0 27*9=ff 3c=ff005f 40*30=ff 72=7100fc 75*b=ff 88*8=ff 98=0f80 b9=80 cc*34=ff 10c=30f0ff03 114=c1f100004005 148*eb8=ff',
    clearMask: '7=f9 3f=04 9a=0f 104=30f0ff03 110=c1f1',
    bars: [],
  },
} as const satisfies Readonly<Record<string, Documented>>;

export type Q35Type = keyof typeof documented;

/** The bytes of a function type. @cost O(bytes) */
export function q35Function(type: Q35Type): FunctionBytes {
  const { sizeBytes, config, writeMask, clearMask, bars } = documented[type];
  return {
    type,
    config: bytesOf(config, sizeBytes),
    writeMask: bytesOf(writeMask, sizeBytes),
    clearMask: bytesOf(clearMask, sizeBytes),
    bars,
  };
}

/** A root port as it stands with nothing in its slot: power and its indicator off, no link. @source facts/q35-qemu 2.8 */
export function emptyRootPort(): FunctionBytes {
  const port = q35Function('ioh3420');
  const { config } = port;
  config[LINK_STATUS + 1] = 0;
  config[SLOT_CONTROL + 1] = 0x07;
  config[SLOT_STATUS] = 0;
  return port;
}

const LINK_STATUS = 0xa2;
const SLOT_CONTROL = 0xa8;
const SLOT_STATUS = 0xaa;

/** `ivshmem-plain` with shared memory of another size, as its user chooses it; a power of two below 2 GiB. */
export function sharedMemory(sizeBytes: number): FunctionBytes {
  const { config, writeMask, clearMask, bars } = q35Function('ivshmem-plain');
  new DataView(writeMask.buffer).setUint32(0x18, (-sizeBytes & ~0xf) >>> 0, true);
  return {
    type: 'ivshmem-plain',
    config,
    writeMask,
    clearMask,
    bars: bars.map((bar) => (bar.index === 2 ? { ...bar, sizeBytes } : bar)),
  };
}

/** Puts a function in its place: behind the `parent`-th of the list, null on the root bus. */
export const placed = (
  bytes: FunctionBytes,
  devfn: number,
  parent: number | null = null,
  id = '',
): PlacedFunction => ({ ...bytes, devfn, parent, id });

function bytesOf(text: string, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (const part of text.split(' ')) {
    const [place = '', value = ''] = part.split('=');
    const [from = '', length] = place.split('*');
    const at = Number.parseInt(from, 16);
    if (length === undefined) {
      for (let i = 0; i < value.length / 2; i++) {
        bytes[at + i] = Number.parseInt(value.slice(2 * i, 2 * i + 2), 16);
      }
    } else bytes.fill(Number.parseInt(value, 16), at, at + Number.parseInt(length, 16));
  }
  return bytes;
}
