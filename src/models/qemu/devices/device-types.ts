import type { FunctionBytes } from '../image.js';

/**
 * Power-on bytes of QEMU 7.2's functions as runs `offset:hex` over zeros; writable and write-1-to-clear bits as runs
 * over what every function has: COMMAND 0x0507, cache line and interrupt line, everything from 0x40 on, STATUS 0xf900.
 * Ports are those of slot 1 under ACPI hot-plug. Measured: register values of our own machines.
 * @source facts/q35-qemu 1.2, 1.3, 1.4, 2.5, 2.7
 */
export interface DeviceType {
  readonly sizeBytes: 256 | 4096;
  readonly bytes: string;
  readonly writable: string;
  readonly clearable: string;
  /** Index, size in bytes, type bits. */
  readonly bars: readonly (readonly [number, number, number])[];
}

/** A function of a type as it stands before its first access; null when the type is not known. */
export function deviceType(type: string): FunctionBytes | null {
  return Object.hasOwn(TYPES, type) ? layOut(type, TYPES[type]!) : null;
}

/** The bytes that runs describe. */
export function layOut(type: string, known: DeviceType): FunctionBytes {
  const config = new Uint8Array(known.sizeBytes);
  const writeMask = new Uint8Array(known.sizeBytes).fill(0xff, 0x40);
  const clearMask = new Uint8Array(known.sizeBytes);
  writeMask.set([0x07, 0x05], 0x04);
  writeMask[0x0c] = 0xff;
  writeMask[0x3c] = 0xff;
  clearMask[0x07] = 0xf9;
  lay(config, known.bytes);
  lay(writeMask, known.writable);
  lay(clearMask, known.clearable);
  const bars = known.bars.map(([index, sizeBytes, bits]) => ({ index, sizeBytes, type: bits }));
  return { type, config, writeMask, clearMask, bars };
}

export const deviceTypes = (): string[] => Object.keys(TYPES);

function lay(space: Uint8Array, runs: string): void {
  for (const run of runs.split(' ')) {
    const [at = '', hex = ''] = run.split(':');
    for (let i = 0; i < hex.length; i += 2) {
      space[Number.parseInt(at, 16) + i / 2] = Number.parseInt(hex.slice(i, i + 2), 16);
    }
  }
}

/** What varies between slot ports: the slot number, a function in it, who runs hot-plug. */
export interface SlotSetup {
  readonly slot: number;
  readonly populated: boolean;
  readonly native: boolean;
}

/** A root or downstream port with its slot as it is after reset. @source facts/q35-qemu 2.7, 2.8 */
export function slotPort(type: string, { slot, populated, native }: SlotSetup): FunctionBytes | null {
  const port = deviceType(type);
  const express = port === null ? undefined : EXPRESS_AT[type];
  if (port === null || express === undefined) return null;
  const { config } = port;
  config[express + 0x16] = ((slot << 3) & 0xff) | (config[express + 0x16]! & 0x07);
  config[express + 0x17] = (slot >>> 5) & 0xff;
  config.set(populated ? [0xc0, 0x01] : [0xc0, 0x07], express + 0x18);
  config[express + 0x1a] = populated && native ? 0x40 : 0;
  config[express + 0x13] = (config[express + 0x13]! & ~0x20) | (populated && native ? 0x20 : 0);
  return port;
}

const EXPRESS_AT: Readonly<Record<string, number>> = {
  'pcie-root-port': 0x54,
  ioh3420: 0x90,
  'xio3130-downstream': 0x90,
};

const TYPES: Readonly<Record<string, DeviceType>> = {
  mch: {
    sizeBytes: 256,
    bytes: '0:8680c029 b:06 2c:f41a0011 50:10 63:b0 9d:0238',
    writable: '9d:7887',
    clearable: '',
    bars: [],
  },
  'ICH9-LPC': {
    sizeBytes: 256,
    bytes: '0:86801829 8:02000106000080 2c:f41a0011 40:01 60:80808080 68:80808080',
    writable: '40:87ff0000',
    clearable: '',
    bars: [],
  },
  'ich9-ahci': {
    sizeBytes: 256,
    bytes: '0:868022290000100002010601000080 20:01 2c:f41a0011 34:80 3d:01 80:05a880 90:40 a8:1200100048',
    writable: '20:e0ffffff00f0ffff 80:00007100fc a8:0000000000000000',
    clearable: '',
    bars: [
      [4, 0x20, 1],
      [5, 0x1000, 0],
    ],
  },
  'ICH9-SMB': {
    sizeBytes: 256,
    bytes: '0:86803029 8:0200050c000080 20:01 2c:f41a0011 3d:01',
    writable: '20:c0ffffff',
    clearable: '',
    bars: [[4, 0x40, 1]],
  },
  'pcie-root-port': {
    sizeBytes: 4096,
    bytes:
      '0:361b0c000000100000000406000001 1c:f0000000f0ff0000f1ff01 34:54 3d:0100000d000000361b00001140 51:080000104842010080 60:04063000000011007b000a00c001 78:200030 80:1e00000004 100:01008214 10c:302046 115:e00000a002 148:0d0001005f',
    writable:
      '11:f0ffff 18:fffffffff0f00000f0fff0fff0fff0ffffffffffffffffff 3e:5f000000000000000000000000c0000000000000000000000000000000000f000000000000000000000000000000f90f00000700000000000000000000002080000000000000000000000000000000000000 100:00000000000000000000000030f0ff0300000000c1f100004005000000000000000000000000000000000000070000000000000000000000000000000000000000000000000000000000000000005f00',
    clearable: '3f:04 5e:0f 6e:19 104:30f0ff03 110:c1f1 130:7f',
    bars: [[0, 0x1000, 0]],
  },
  edu: {
    sizeBytes: 256,
    bytes: '0:3412e811000010001000ff 2c:f41a0011 34:40 3d:010000050080',
    writable: '12:f0ff 40:00007100fc',
    clearable: '',
    bars: [[0, 0x100000, 0]],
  },
  ioh3420: {
    sizeBytes: 4096,
    bytes:
      '0:868020340000100002000406000001 1c:f0000000f0ff0000f1ff01 34:90 3d:0100000d0000008680 60:05400201 90:106042010080 9c:1104 a2:11007b001200c001 b4:200030 100:010002 10c:302046 115:e00000a002',
    writable:
      '18:fffffffff0f00000f0fff0fff0fff0ffffffffffffffffff 3e:5f000000000000000000 60:00007100fc 6a:00000300000000000000 90:00000000000000000f000000000000000000000000000000f90f00000700000000000000000000002080000000000000000000000000000000000000 100:00000000000000000000000030f0ff0300000000c1f10000400500000000000000000000000000000000000007000000000000000000000000000000000000000000000000000000',
    clearable: '3f:04 9a:0f aa:19 104:30f0ff03 110:c1f1 130:7f',
    bars: [],
  },
  e1000e: {
    sizeBytes: 4096,
    bytes:
      '0:8680d310000010 b:02 18:01 2c:8680 34:c8 3d:01 a0:11000400030000000320 c8:01d022 d0:05e080 e0:10a001000080 ec:1104 f2:11 100:01000214 10c:302046 115:e00000a0 140:030001000100aaffff005452',
    writable:
      '12:feff0000feffe0ffffff00c0ffff 30:0100fcff a0:000000c00000000000000000 c8:00000000031f000000007100fc e0:0000000000000000000000000000000000000000 100:00000000000000000000000030f0ff0300000000c1f1000040010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
    clearable: 'cd:80 104:30f0ff03 110:c1f1',
    bars: [
      [0, 0x20000, 0],
      [1, 0x20000, 0],
      [2, 0x20, 1],
      [3, 0x4000, 0],
      [6, 0x40000, 0],
    ],
  },
  'ivshmem-plain': {
    sizeBytes: 256,
    bytes: '0:f41a1011 8:01000005 18:0c 2c:f41a0011',
    writable: '11:ffffff 1a:f0ffffffffff',
    clearable: '',
    bars: [
      [0, 0x100, 0],
      [2, 0x100000, 12],
    ],
  },
  'x3130-upstream': {
    sizeBytes: 4096,
    bytes:
      '0:4c1032820000100002000406000001 24:010001 34:90 70:050080 80:0d70 90:1080520000800010 9c:1104 a2:11 b6:30 100:010002 10c:302046 115:e00000a002',
    writable:
      '18:fffffffff0f00000f0fff0fff0fff0ffffffffffffffffff 3e:5f 70:00007100fc 80:0000000000000000 90:00000000000000000f800000000000000000000000000000000000000000000000000000000000000080000000000000000000000000000000000000 100:00000000000000000000000030f0ff0300000000c1f10000400500000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
    clearable: '3f:04 9a:0f 104:30f0ff03 110:c1f1',
    bars: [],
  },
  'xio3130-downstream': {
    sizeBytes: 4096,
    bytes:
      '0:4c1033820000100001000406000001 24:010001 34:90 70:050080 80:0d70 90:1080620100800010 9d:04 a2:11007b001200c001 b4:200030 100:010002 10c:302046 115:e00000a002',
    writable:
      '18:fffffffff0f00000f0fff0fff0fff0ffffffffffffffffff 3e:5f 70:00007100fc 80:0000000000000000 90:00000000000000000f800000000000000000000000000000f90f00000000000000000000000000002080000000000000000000000000000000000000 100:00000000000000000000000030f0ff0300000000c1f10000400500000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
    clearable: '3f:04 9a:0f aa:19 104:30f0ff03 110:c1f1',
    bars: [],
  },
  'pci-testdev': {
    sizeBytes: 256,
    bytes: '0:361b05 a:ff 14:01 2c:f41a0011',
    writable: '11:f0ffff00ffffff',
    clearable: '',
    bars: [
      [0, 0x1000, 0],
      [1, 0x100, 1],
    ],
  },
  'pcie-pci-bridge': {
    sizeBytes: 4096,
    bytes:
      '0:361b0e000000b000000004060000010004 1e:a0 24:010001 34:8c 3d:0100000c 48:104072000080 54:1104 5a:11 6c:200030 84:014803 8c:05848001 100:010002 10c:302046 115:e00000a0',
    writable:
      '11:fffffffffffffffffffffff0f00000f0fff0fff0fff0ffffffffffffffffff 3e:ff0b0000ff00 48:00000000000000000f000000000000000000000000000000000000000000000000000000000000002080000000000000000000000000000000000000000000000000000000007100fc 9a:00000100000000000000 100:00000000000000000000000030f0ff0300000000c1f10000400100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
    clearable: '3f:04 52:0f 104:30f0ff03 110:c1f1',
    bars: [[0, 0x100, 4]],
  },
  i440FX: {
    sizeBytes: 256,
    bytes: '0:86803712 8:02000006 2c:f41a0011 57:10 72:02',
    writable: '',
    clearable: '',
    bars: [],
  },
  PIIX3: {
    sizeBytes: 256,
    bytes:
      '0:868000700000000200000106000080 2c:f41a0011 4c:4d0003 60:80808080 69:02 70:80 76:0c0c02 a0:08 a8:0f',
    writable: '',
    clearable: '',
    bars: [],
  },
  'piix3-ide': {
    sizeBytes: 256,
    bytes: '0:868010700000800200800101 20:01 2c:f41a0011',
    writable: '20:f0ffffff',
    clearable: '',
    bars: [[4, 0x10, 1]],
  },
  PIIX4_PM: {
    sizeBytes: 256,
    bytes: '0:868013710000800203008006 2c:f41a0011 3d:01000001 5f:1000000060 90:01b1 d2:09',
    writable: '',
    clearable: '',
    bars: [],
  },
  'pci-bridge': {
    sizeBytes: 256,
    bytes: '0:361b01000000b000000004060000010004 1e:a0 24:010001 34:4c 3d:0100000c 48:0440200105488001',
    writable:
      '11:fffffffffffffffffffffff0f00000f0fff0fff0fff0ffffffffffffffffff 3e:ff0b0000ff00 48:000000ff00007100fc 5a:00000100000000000000',
    clearable: '3f:04',
    bars: [[0, 0x100, 4]],
  },
  'gpex-root': {
    sizeBytes: 256,
    bytes: '0:361b08 b:06 2c:f41a0011',
    writable: '',
    clearable: '',
    bars: [],
  },
  e1000: {
    sizeBytes: 256,
    bytes: '0:86800e10 8:03000002 14:01 2c:f41a0011 3d:01',
    writable: '12:feffc0ffffff 30:0100fcff',
    clearable: '',
    bars: [
      [0, 0x20000, 0],
      [1, 0x40, 1],
      [6, 0x40000, 0],
    ],
  },
  'virtio-rng-pci': {
    sizeBytes: 4096,
    bytes:
      '0:f41a0510000010000000ff 10:01 20:0c 2c:f41a04 34:98 3d:0100000900100104 4d:1000000940100304 59:100000001000000950100404 69:200000001000000960140204 79:300000001000000400000009701405 98:11840100010000000108',
    writable:
      '10:e0ffffff00f0ffff 21:c0ffffffffffff 40:000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000ff000000 98:000000c00000000000000000',
    clearable: '',
    bars: [
      [0, 0x20, 1],
      [1, 0x1000, 0],
      [4, 0x4000, 12],
    ],
  },
  'i82801b11-bridge': {
    sizeBytes: 256,
    bytes: '0:86804e240000b00092010406000001 1e:a0 24:010001 34:50 50:0d',
    writable: '18:fffffffff0f00000f0fff0fff0fff0ffffffffffffffffff 3e:ff0b 50:0000000000000000',
    clearable: '3f:04',
    bars: [],
  },
  megasas: {
    sizeBytes: 256,
    bytes:
      '1:1060000000100000000401 10:04 18:0100000004 2d:101310 34:68 3d:01 50:050080 68:11500e00002000000038',
    writable: '11:c0ffffffffffff00ffffff0000fcffffffffff 50:00007100fc 68:000000c00000000000000000',
    clearable: '',
    bars: [
      [0, 0x4000, 4],
      [2, 0x100, 1],
      [3, 0x40000, 4],
    ],
  },
  'virtio-net-pci': {
    sizeBytes: 4096,
    bytes:
      '0:f41a0010000010 b:02 10:01 20:0c 2c:f41a01 34:98 3d:0100000900100104 4d:1000000940100304 59:100000001000000950100404 69:200000001000000960140204 79:300000001000000400000009701405 98:11840300010000000108',
    writable:
      '10:e0ffffff00f0ffff 21:c0ffffffffffff 30:0100fcff 40:000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000ff000000 98:000000c00000000000000000',
    clearable: '',
    bars: [
      [0, 0x20, 1],
      [1, 0x1000, 0],
      [4, 0x4000, 12],
      [6, 0x40000, 0],
    ],
  },
  'nec-usb-xhci': {
    sizeBytes: 4096,
    bytes: '0:33109401000010000330030c 10:04 2c:f41a0011 34:90 3d:01 60:30 70:050088 90:11700f00003000000038',
    writable: '11:c0ffffffffffff 70:00007100fc 90:000000c00000000000000000',
    clearable: '',
    bars: [[0, 0x4000, 4]],
  },
  nvme: {
    sizeBytes: 4096,
    bytes:
      '0:361b10000000100002020801 10:04 2c:f41a0011 34:40 3d:01000011804000002000000030 60:0100030008 80:1060020000800010 8c:1104 92:11 a6:30',
    writable:
      '11:c0ffffffffffff 40:000000c00000000000000000 60:0000000003000000 80:000000000000000000800000000000000000000000000000000000000000000000000000000000000080000000000000000000000000000000000000 100:00000000',
    clearable: '',
    bars: [[0, 0x4000, 4]],
  },
  'qemu-xhci': {
    sizeBytes: 4096,
    bytes:
      '0:361b0d00000010000130030c 10:04 2c:f41a0011 34:90 3d:01 60:30 90:11a00f00003000000038 a0:100092000080 ac:1104 b2:11 c6:30',
    writable:
      '11:c0ffffffffffff 90:000000c00000000000000000 a0:000000000000000000000000000000000000000000000000000000000000000000000000000000000080000000000000000000000000000000000000 100:00000000',
    clearable: '',
    bars: [[0, 0x4000, 4]],
  },
};
