import { describe, expect, it } from 'vitest';
import { configRead, configWrite, fieldsOf } from '../../../src/models/linux/pciback/config-policy.js';
import { fakePort } from './real-device.js';

const EIO = -5;

describe('what a guest reads through pciback (facts/dom0 5.1, 5.3, 5.4)', () => {
  it.each([
    ['ids are the cached ones', 'e1000e', 0x00, 4, 0x10d38086],
    ['command hides all but the guest bits of hardware', 'e1000e', 0x04, 2, 0x0103],
    ['status has no field', 'e1000e', 0x06, 2, 0x0010],
    ['interrupt line is the low byte of the irq', 'e1000e', 0x3c, 1, 23],
    ['interrupt pin is hardware', 'e1000e', 0x3d, 1, 1],
    ['a dword over both merges', 'e1000e', 0x3c, 4, 0x0000_0117],
    ['memory BAR', 'e1000e', 0x10, 4, 0xfd84_0000],
    ['I/O BAR with its low bit', 'e1000e', 0x18, 4, 0xd001],
    ['absent BAR', 'e1000e', 0x20, 4, 0],
    ['64-bit BAR, lower half', 'nvme', 0x10, 4, 0xfde0_0004],
    ['64-bit BAR, upper half', 'nvme', 0x14, 4, 0],
    ['one byte of a BAR', 'e1000e', 0x12, 1, 0x84],
    ['expansion ROM', 'e1000e', 0x30, 4, 0xfd80_0000],
    ['PM capabilities lose PME support', 'e1000e', 0xca, 2, 0x0022],
    ['MSI flags', 'e1000e', 0xd2, 2, 0x0080],
    ['MSI address is not hidden', 'e1000e', 0xd4, 4, 0xfee003f8],
    ['MSI-X flags', 'nvme', 0x42, 2, 0x0040],
    ['PCI Express capability is not hidden', 'e1000e', 0xe0, 4, 0x0001_a010],
  ] as const)('%s', (_name, device, offset, size, value) => {
    expect(configRead(fakePort(device), offset, size)).toEqual({ err: 0, value });
  });

  it.each([
    [1, 2],
    [2, 4],
    [0, 3],
    [0, 8],
    [-4, 4],
  ])('offset %i size %i is an invalid offset', (offset, size) => {
    expect(configRead(fakePort('e1000e'), offset, size)).toEqual({ err: -2, value: 0 });
  });

  it('hides PME support only: D1 and D2 stay', () => {
    const port = fakePort('e1000e', { bytes: { 203: 0xfe } });
    expect(configRead(port, 0xca, 2).value).toBe(0x0622);
  });
});

describe('what becomes of a guest write (facts/dom0 5.2 to 5.4)', () => {
  interface Row {
    readonly device?: Parameters<typeof fakePort>[0];
    readonly options?: Parameters<typeof fakePort>[1];
    readonly write: readonly [offset: number, size: number, value: number];
    readonly err: number;
    /** Writes that reach hardware. */
    readonly hardware: readonly string[];
    readonly warns?: boolean;
  }
  const rows: Readonly<Record<string, Row>> = {
    'unlisted offset: dropped, success, a warning': {
      write: [0xd4, 4, 0xfee00000],
      err: 0,
      hardware: [],
      warns: true,
    },
    'unlisted offset, permissive: raw': {
      options: { policy: { permissive: true } },
      write: [0xd4, 4, 0xfee00000],
      err: 0,
      hardware: ['d4:4=fee00000'],
    },
    'unlisted offset, permissive for all devices: raw': {
      options: { permissiveGlobal: true },
      write: [0xe8, 2, 0x2810],
      err: 0,
      hardware: ['e8:2=2810'],
    },
    'status: no field, dropped': { write: [0x06, 2, 0xf900], err: 0, hardware: [], warns: true },
    'status: raw in permissive mode': {
      options: { policy: { permissive: true } },
      write: [0x06, 2, 0xf900],
      err: 0,
      hardware: ['6:2=f900'],
    },
    'a dword at 4 drops its status half even in permissive mode': {
      options: { policy: { permissive: true, enabled: true, command: 0x0103 } },
      write: [0x04, 4, 0xf900_0103],
      err: 0,
      hardware: [],
    },
    'vendor id: dropped': { write: [0x00, 2, 0x1234], err: 0, hardware: [] },
    'device id: dropped': { write: [0x02, 2, 0x1234], err: 0, hardware: [] },
    'interrupt line: dropped': { write: [0x3c, 1, 0x05], err: 0, hardware: [] },
    'interrupt pin: dropped': { write: [0x3d, 1, 0x02], err: 0, hardware: [] },
    'latency timer: dropped': { write: [0x0d, 1, 0x40], err: 0, hardware: [] },
    'latency timer: dropped in permissive mode too, it is listed': {
      options: { policy: { permissive: true } },
      write: [0x0d, 1, 0x40],
      err: 0,
      hardware: [],
    },
    'cache line size: hardware': { write: [0x0c, 1, 0x10], err: 0, hardware: ['c:1=10'] },
    'BIST: only the start bit changes': {
      options: { bytes: { 15: 0x80 } },
      write: [0x0f, 1, 0xc0],
      err: 0,
      hardware: ['f:1=c0'],
    },
    'BIST: 0x40 as such': {
      options: { bytes: { 15: 0x8f } },
      write: [0x0f, 1, 0x40],
      err: 0,
      hardware: ['f:1=40'],
    },
    'BIST: anything else dropped': {
      options: { bytes: { 15: 0x80 } },
      write: [0x0f, 1, 0x41],
      err: 0,
      hardware: [],
    },
    'misaligned: refused': { write: [0x05, 2, 0], err: -2, hardware: [] },
    'bad size: refused': { write: [0x04, 3, 0], err: -2, hardware: [] },
    'capability header: dropped': { write: [0xc8, 2, 0x1234], err: 0, hardware: [] },
    'PM capabilities: dropped': { write: [0xca, 2, 0xffff], err: 0, hardware: [] },
    'PMCSR: PME enable is never settable': { write: [0xcc, 2, 0x0100], err: 0, hardware: [] },
    'PMCSR: PME status and data select pass': { write: [0xcc, 2, 0x9e00], err: 0, hardware: ['cc:2=9e00'] },
    'PMCSR: D3hot': { write: [0xcc, 2, 0x0003], err: 0, hardware: ['cc:2=3'] },
    'PMCSR: D1 that the device lacks: refused': { write: [0xcc, 2, 0x0001], err: -3, hardware: [] },
    'PMCSR: D2 that the device lacks, other bits written before the refusal': {
      write: [0xcc, 2, 0x8002],
      err: -3,
      hardware: ['cc:2=8000'],
    },
    'PMCSR: D3hot to D1 is no way': {
      options: { bytes: { 203: 0x06, 204: 0x03 } },
      write: [0xcc, 2, 0x0001],
      err: -3,
      hardware: [],
    },
    'PM bridge extensions: dropped': { write: [0xce, 1, 0xff], err: 0, hardware: [] },
    'PM data: dropped': { write: [0xcf, 1, 0xff], err: 0, hardware: [] },
    'MSI enable without allow_interrupt_control: refused': {
      write: [0xd2, 2, 0x0081],
      err: -3,
      hardware: [],
    },
    'MSI flags unchanged: fine': { write: [0xd2, 2, 0x0080], err: 0, hardware: [] },
    'MSI enable with allow_interrupt_control': {
      options: { policy: { allowInterruptControl: true } },
      write: [0xd2, 2, 0x0081],
      err: 0,
      hardware: ['d2:2=81'],
    },
    'MSI vector count with allow_interrupt_control: refused': {
      options: { policy: { allowInterruptControl: true } },
      write: [0xd2, 2, 0x0091],
      err: -3,
      hardware: [],
    },
    'MSI enable beside MSI-X: refused': {
      options: { policy: { allowInterruptControl: true }, bytes: { 163: 0x80 } },
      write: [0xd2, 2, 0x0081],
      err: -3,
      hardware: [],
    },
    'MSI flags, permissive: raw': {
      options: { policy: { permissive: true } },
      write: [0xd2, 2, 0x00f1],
      err: 0,
      hardware: ['d2:2=f1'],
    },
    'MSI-X enable without allow_interrupt_control: refused': {
      device: 'nvme',
      write: [0x42, 2, 0x8040],
      err: -3,
      hardware: [],
    },
    'MSI-X enable and mask-all with allow_interrupt_control': {
      device: 'nvme',
      options: { policy: { allowInterruptControl: true } },
      write: [0x42, 2, 0xc040],
      err: 0,
      hardware: ['42:2=c040'],
    },
    'MSI-X table size with allow_interrupt_control: refused': {
      device: 'nvme',
      options: { policy: { allowInterruptControl: true } },
      write: [0x42, 2, 0x8041],
      err: -3,
      hardware: [],
    },
    'MSI-X table offset: no field, dropped': {
      device: 'nvme',
      write: [0x44, 4, 0],
      err: 0,
      hardware: [],
      warns: true,
    },
    'DevCtl function level reset: no field, dropped': {
      write: [0xe8, 2, 0x8000],
      err: 0,
      hardware: [],
      warns: true,
    },
    'BAR: moving it is dropped': { write: [0x10, 4, 0xe000_0000], err: 0, hardware: [] },
    'BAR: its own address restores hardware after a reset': {
      options: { bytes: { 18: 0, 19: 0 } },
      write: [0x10, 4, 0xfd84_0000],
      err: 0,
      hardware: ['10:4=fd840000'],
    },
    'BAR: its own address when hardware has it: nothing': {
      write: [0x10, 4, 0xfd84_0000],
      err: 0,
      hardware: [],
    },
  };

  it.each(Object.entries(rows))('%s', (_name, { device, options, write, err, hardware, warns }) => {
    const port = fakePort(device ?? 'e1000e', options);
    expect(configWrite(port, ...write).err).toBe(err);
    expect(port.writes).toEqual(hardware);
    expect(port.warnings.length > 0).toBe(warns ?? false);
  });

  it('warns once per device', () => {
    const port = fakePort('e1000e');
    configWrite(port, 0x44, 4, 1);
    configWrite(port, 0x48, 4, 1);
    expect(port.warnings).toHaveLength(1);
    expect(port.warnings[0]).toContain('field at offset 0x44, size 4');
  });

  it('refuses to set the VPD address with the flag for writing, and drops VPD data', () => {
    const vpd = { 240: 3, 241: 0, 209: 0xf0 };
    const port = fakePort('e1000e', { bytes: vpd });
    expect(configWrite(port, 0xf2, 2, 0x8010).err).toBe(-3);
    expect(configWrite(port, 0xf2, 2, 0x0010).err).toBe(0);
    expect(configWrite(port, 0xf4, 4, 0x1234_5678).err).toBe(0);
    expect(port.writes).toEqual(['f2:2=10']);
  });
});

describe('the command register (facts/dom0 5.3)', () => {
  it('enables the device on the first decode bit, without touching the other bits', () => {
    const port = fakePort('e1000e', { policy: { command: 0 } });
    expect(configWrite(port, 4, 2, 0x0002).err).toBe(0);
    expect(port.policy).toMatchObject({ enabled: true, enableIntx: true, command: 2 });
    expect(port.writes).toEqual([]);
  });

  it('leaks the errno of a failed enable and does nothing else', () => {
    const port = fakePort('e1000e', { enableErrno: EIO });
    expect(configWrite(port, 4, 2, 0x0007).err).toBe(EIO);
    expect(port.policy.isBusmaster).toBe(false);
    expect(port.writes).toEqual([]);
  });

  it('leaves the decode bits in hardware when the guest clears them', () => {
    const port = fakePort('e1000e', { policy: { enabled: true, enableIntx: true } });
    configWrite(port, 4, 2, 0);
    expect(port.policy).toMatchObject({ enabled: false, enableIntx: false });
    expect(port.read(4, 2)).toBe(0x0103);
    expect(configRead(port, 4, 2).value).toBe(0);
  });

  it('sets and clears bus mastering on edges', () => {
    const port = fakePort('e1000e', { policy: { enabled: true } });
    configWrite(port, 4, 2, 0x0107);
    configWrite(port, 4, 2, 0x0107);
    configWrite(port, 4, 2, 0x0103);
    expect(port.writes).toEqual(['4:2=107', '4:2=103']);
  });

  it('keeps INTx disable to itself without allow_interrupt_control', () => {
    const port = fakePort('e1000e', { policy: { enabled: true } });
    configWrite(port, 4, 2, 0x0503);
    expect(port.writes).toEqual([]);
    expect(configRead(port, 4, 2).value).toBe(0x0503);
  });

  it('passes INTx disable on with allow_interrupt_control', () => {
    const port = fakePort('e1000e', { policy: { enabled: true, allowInterruptControl: true } });
    configWrite(port, 4, 2, 0x0503);
    expect(port.writes).toEqual(['4:2=503']);
  });

  it('sets a cache line size for memory-write-invalidate', () => {
    const port = fakePort('e1000e', { policy: { enabled: true } });
    configWrite(port, 4, 2, 0x0113);
    expect(port.writes).toEqual(['c:1=10', '4:2=113']);
  });

  it('drops memory-write-invalidate where no cache line size can be set', () => {
    const port = fakePort('e1000e', { policy: { enabled: true }, cacheLineStuck: true });
    expect(configWrite(port, 4, 2, 0x0113).err).toBe(0);
    expect(port.policy.command).toBe(0x0103);
    expect(port.warnings).toHaveLength(1);
  });

  it('writes the guest bits to hardware in permissive mode and no others', () => {
    const port = fakePort('e1000e', { policy: { enabled: true, permissive: true } });
    configWrite(port, 4, 2, 0x06ff);
    expect(port.writes.at(-1)).toBe('4:2=3bf');
  });
});

describe('BAR sizing (facts/dom0 5.3)', () => {
  it.each([
    ['e1000e', 0x10, 0xffff_ffff, 0xfffe_0000],
    ['e1000e', 0x10, 0xffff_fff0, 0xfffe_0000],
    ['e1000e', 0x18, 0xffff_fffc, 0xffff_ffe1],
    ['e1000e', 0x30, 0xffff_f800, 0xfffc_0000],
    ['e1000e', 0x30, 0xffff_fffe, 0xfffc_0000],
    ['nvme', 0x10, 0xffff_ffff, 0xffff_c004],
    ['nvme', 0x14, 0xffff_ffff, 0xffff_ffff],
    ['e1000e', 0x20, 0xffff_ffff, 0],
  ] as const)('%s BAR %i sized with %i answers its mask', (device, offset, written, mask) => {
    const port = fakePort(device);
    const address = configRead(port, offset, 4).value;
    configWrite(port, offset, 4, written);
    expect(configRead(port, offset, 4).value).toBe(mask);
    configWrite(port, offset, 4, address);
    expect(configRead(port, offset, 4).value).toBe(address);
    expect(port.writes).toEqual([]);
  });

  it.each([
    ['one bit of a memory BAR short', 0x10, 0xffff_ffe0],
    ['an upper half has no type bits', 0x14, 0xffff_fffe],
  ])('%s is no sizing', (_name, offset, written) => {
    const port = fakePort('nvme');
    configWrite(port, offset, 4, written);
    expect(port.policy.sizing).toEqual({});
  });
});

describe('the field list (facts/dom0 5.3, 5.4)', () => {
  // Offsets and sizes as pciback printed them on the recorded machine.
  it.each([
    [
      'e1000e',
      '0:2 2:2 4:2 3c:1 3d:1 c:1 d:1 f:1 10:4 14:4 18:4 1c:4 20:4 24:4 30:4 c8:2 ca:2 cc:2 ce:1 cf:1 d0:2 d2:2 a0:2 a2:2',
    ],
    [
      'nvme',
      '0:2 2:2 4:2 3c:1 3d:1 c:1 d:1 f:1 10:4 14:4 18:4 1c:4 20:4 24:4 30:4 60:2 62:2 64:2 66:1 67:1 40:2 42:2',
    ],
    ['rtl8139', '0:2 2:2 4:2 3c:1 3d:1 c:1 d:1 f:1 10:4 14:4 18:4 1c:4 20:4 24:4 30:4'],
  ] as const)('of %s is the recorded one', (device, list) => {
    const fields = fieldsOf(fakePort(device)).map((field) => `${field.offset.toString(16)}:${field.size}`);
    expect(fields.join(' ')).toBe(list);
  });

  it('passes quirk fields through to hardware and ignores their mask', () => {
    const port = fakePort('e1000e', { policy: { quirks: [{ offset: 0xe8, size: 2, mask: 0x0f }] } });
    expect(configWrite(port, 0xe8, 2, 0x2810).err).toBe(0);
    expect(port.writes).toEqual(['e8:2=2810']);
    expect(port.warnings).toEqual([]);
  });

  it('ignores a quirk at an offset that has a field', () => {
    const port = fakePort('e1000e', { policy: { quirks: [{ offset: 0x10, size: 4, mask: 0 }] } });
    configWrite(port, 0x10, 4, 0xe000_0000);
    expect(port.writes).toEqual([]);
  });

  it('gives a bridge two BARs and its ROM at 0x38', () => {
    const port = fakePort('rtl8139', { bytes: { 14: 0x81 } });
    expect(fieldsOf(port).map((field) => field.offset)).toEqual([
      0, 2, 4, 0x3c, 0x3d, 0xc, 0xd, 0xf, 0x10, 0x14, 0x38,
    ]);
  });

  it('gives an unknown header type nothing', () => {
    expect(fieldsOf(fakePort('rtl8139', { bytes: { 14: 2 } }))).toEqual([]);
  });
});
