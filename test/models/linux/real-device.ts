import type { Resource } from '../../../src/models/hardware/bars.js';
import type { DevicePort, PolicyPatch, PolicyState } from '../../../src/models/linux/pciback/device.js';
import { bytesOf, realConfigs } from '../../../src/scenarios/toolstack/functions.js';

export { bytesOf, realConfigs };

/** BARs as Dom0's `resource` file has them. */
const realResources: Readonly<Record<keyof typeof realConfigs, Readonly<Record<number, Resource>>>> = {
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
