import type {
  DevicePort,
  PolicyPatch,
  PolicyState,
  Resource,
} from '../../../src/models/linux/pciback/device.js';

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

/** BARs as Dom0's `resource` file has them. */
export const realResources: Readonly<Record<keyof typeof realConfigs, Readonly<Record<number, Resource>>>> = {
  e1000e: {
    16: bar(0xfd840000, 0x20000, 0),
    20: bar(0xfd860000, 0x20000, 0),
    24: bar(0xd000, 0x20, 1),
    28: bar(0xfd880000, 0x4000, 0),
    48: bar(0xfd800000, 0x40000, 0),
  },
  nvme: { 16: bar(0xfde00000, 0x4000, 4), 20: { ...bar(0xfde00000, 0x4000, 0), isUpperHalf: true } },
  rtl8139: {
    16: bar(0xc000, 0x100, 1),
    20: bar(0xfda40000, 0x100, 0),
    48: bar(0xfda00000, 0x40000, 0),
  },
};

function bar(start: number, sizeBytes: number, lowBits: number): Resource {
  return { start, sizeBytes, lowBits, isUpperHalf: false };
}

export function bytesOf(rows: Readonly<Record<number, string>>, sizeBytes = 256): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (const [at, row] of Object.entries(rows)) {
    row.split(' ').forEach((byte, i) => {
      bytes[Number(at) + i] = Number.parseInt(byte, 16);
    });
  }
  return bytes;
}

export interface FakePort extends DevicePort {
  /** Writes that reached hardware, as `reg:size=value` in hex. */
  readonly writes: string[];
  readonly warnings: string[];
  policy: PolicyState;
}

/** A seized device in memory; every register takes every bit except the ids. */
export function fakePort(
  name: keyof typeof realConfigs,
  options: {
    readonly policy?: Partial<PolicyState>;
    readonly bytes?: Readonly<Record<number, number>>;
    readonly enableErrno?: number;
    readonly cacheLineStuck?: boolean;
    readonly permissiveGlobal?: boolean;
  } = {},
): FakePort {
  const bytes = bytesOf(realConfigs[name]);
  for (const [at, value] of Object.entries(options.bytes ?? {})) bytes[Number(at)] = value;
  const read = (reg: number, size: number): number => {
    let value = 0;
    for (let i = 0; i < size; i++) value += (bytes[reg + i] ?? 0xff) * 2 ** (8 * i);
    return value;
  };
  const writes: string[] = [];
  const warnings: string[] = [];
  const port: FakePort = {
    read,
    write: (reg, size, value) => {
      writes.push(`${reg.toString(16)}:${size}=${value.toString(16)}`);
      for (let i = 0; i < size; i++) {
        if (reg + i < 4 || (reg + i === 0x0c && options.cacheLineStuck === true)) continue;
        bytes[reg + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
      }
    },
    ids: { vendor: read(0, 2), device: read(2, 2) },
    irqLine: name === 'rtl8139' ? 21 : 23,
    resources: realResources[name],
    permissiveGlobal: options.permissiveGlobal ?? false,
    policy: {
      permissive: false,
      allowInterruptControl: false,
      warnedOnWrite: false,
      enabled: false,
      enableIntx: false,
      isBusmaster: false,
      command: read(4, 2),
      sizing: {},
      quirks: [],
      ...options.policy,
    },
    update: (patch: PolicyPatch) => {
      port.policy = { ...port.policy, ...patch };
    },
    enable: () => {
      if (options.enableErrno !== undefined) return options.enableErrno;
      port.update({ enabled: true });
      return 0;
    },
    disable: () => port.update({ enabled: false }),
    warn: (text) => warnings.push(text),
    writes,
    warnings,
  };
  return port;
}
