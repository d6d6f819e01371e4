import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import { errno } from '../../../src/base/errno.js';
import type { DataOf, InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import { Engine } from '../../../src/models/engine.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import {
  e1000e,
  functionOf,
  graphics,
  machineWith,
  nvme,
  packed,
  pciBridge,
  rtl8139,
  sound,
  usbLeft,
  type Wired,
  wired,
} from '../../../src/scenarios/toolstack/functions.js';

/** A Dom0 with these devices. */
class Host {
  readonly #engine: Engine;

  constructor(devices: readonly Wired[]) {
    this.#engine = new Engine({
      platform: machineWith(devices),
      policies: defaultPolicies,
      switches: { ...defaultSwitches, linux: '6.1.192' },
      behaviour: currentBehaviour,
    });
    const domid = 0 as DomainId;
    const dom0 = {
      domid,
      type: 'pv',
      privileged: true,
      hardware: true,
      target: null,
      name: 'Domain-0',
    } as const;
    this.step({ kind: 'domain.created', by: 'xen', data: dom0 });
    this.step({ kind: 'xen.booted', by: 'xen', data: { domid } });
    for (const one of devices) {
      const found = { sbdf: packed(one), function: functionOf(one), gsi: one.gsi, driver: null };
      this.step({ kind: 'linux.enumerated', by: 'd0', data: { ...found, enabled: false, physfn: null } });
    }
  }

  step(draft: InputDraft): TraceEvent[] {
    return this.#engine.step(draft);
  }

  hang(one: Wired, hangs: DataOf<'device.hung'>['hangs']): TraceEvent[] {
    return this.step({ kind: 'device.hung', by: 'hw', data: { function: functionOf(one), hangs } });
  }

  /** `echo 1 > reset` of a device. */
  reset(one: Wired): {
    readonly ret: number;
    readonly methods: readonly (string | null)[];
    readonly writes: readonly string[];
    readonly said: readonly string[];
  } {
    const path = `/sys/bus/pci/devices/${one.name}/reset`;
    const events = this.step({
      kind: 'sysfs.requested',
      by: 'root',
      data: { verb: 'write', path, value: '1' },
    });
    const all = <K extends TraceEvent['kind']>(kind: K) =>
      events.filter((event): event is Extract<TraceEvent, { kind: K }> => event.kind === kind);
    return {
      ret: all('sysfs.accessed').at(-1)!.data.errno,
      methods: all('linux.device-reset').map(({ data }) => data.method),
      writes: all('linux.config-written').map(
        ({ data }) => `${data.reg.toString(16)}=${data.value.toString(16)}`,
      ),
      said: all('linux.logged').map(({ data }) => data.text),
    };
  }
}

/** A function whose capabilities are those given, each at a place of its own. */
function withCapabilities(...names: ('express' | 'af' | 'pm')[]): Wired {
  const places = { express: 0x40, af: 0x80, pm: 0x90 } as const;
  const next = (i: number): string => (names[i] === undefined ? '00' : places[names[i]].toString(16));
  const rows: Record<number, string> = {
    0: '36 1b 10 00 03 01 10 00 02 02 08 01 10 00 00 00',
    16: '00 00 e0 fd 00 00 00 00 00 00 00 00 00 00 00 00',
    48: `00 00 00 00 ${next(0)} 00 00 00 00 00 00 00 0b 01 00 00`,
  };
  names.forEach((name, i) => {
    rows[places[name]] = {
      express: `10 ${next(i + 1)} 02 00 00 80 00 10 00 00 00 00 11 04 00 00`,
      af: `13 ${next(i + 1)} 06 03 00 00 00 00 00 00 00 00 00 00 00 00`,
      pm: `01 ${next(i + 1)} 03 00 00 00 00 00 00 00 00 00 00 00 00 00`,
    }[name];
  });
  const controls = [
    [0x48, 0xff],
    [0x49, 0x7f],
    [0x94, 0x03],
  ] as const;
  return wired('0000:05:00.0', 22, rows, [[0x10, 0xffff_c000]], controls);
}

describe('the reset method of a device', () => {
  it.each([
    ['FLR before everything', withCapabilities('express', 'af', 'pm'), 'flr'],
    ['that of advanced features', withCapabilities('af', 'pm'), 'af_flr'],
    ['a soft reset', withCapabilities('pm'), 'pm'],
    ['an endpoint of a chipset', usbLeft, 'af_flr'],
    ['e1000e', e1000e, 'flr'],
    ['NVMe disk', nvme, 'flr'],
  ])('%s', (_name, one, method) => {
    expect(new Host([one]).reset(one)).toMatchObject({ ret: 0, methods: [method], said: [] });
  });

  it('is a reset of the bus for a device alone behind its bridge', () => {
    const host = new Host([pciBridge, rtl8139]);
    const { ret, methods, writes } = host.reset(rtl8139);
    expect({ ret, methods }).toEqual({ ret: 0, methods: ['bus'] });
    expect(writes.filter((write) => write.startsWith('3e='))).toEqual(['3e=42', '3e=2']);
  });

  it('is none for two functions without one on the same bus', () => {
    const { ret, methods } = new Host([graphics, sound]).reset(graphics);
    expect({ ret, methods }).toEqual({ ret: -errno.ENOENT, methods: [] });
  });
});

describe('a reset', () => {
  it('turns decoding off, starts, and puts back what differs, from the top', () => {
    const one = withCapabilities('express');
    expect(new Host([one]).reset(one).writes).toEqual([
      '4=400',
      '48=8000',
      '48=0',
      '50=0',
      '68=0',
      '70=0',
      '3c=10b',
      '10=fde00000',
      'c=10',
      '4=100103',
    ]);
  });

  it('by power goes to D3hot and back', () => {
    const one = withCapabilities('pm');
    const { writes } = new Host([one]).reset(one);
    expect(writes.filter((write) => write.startsWith('94='))).toEqual(['94=3', '94=0']);
  });
});

describe('a device that hangs', () => {
  const waiting = (after: string): string[] => [
    ...[1023, 2047, 4095, 8191, 16_383, 32_767].map((ms) => `not ready ${ms}ms after ${after}; waiting`),
    `not ready 65535ms after ${after}; giving up`,
  ];
  const lines = (one: Wired, ...texts: string[]): string[] => texts.map((text) => `pci ${one.name}: ${text}`);

  it('after FLR is tried with the methods that are left, not with a soft reset', () => {
    const one = withCapabilities('express', 'af', 'pm');
    const host = new Host([one]);
    host.hang(one, 'at-reset');
    const { ret, methods, said } = host.reset(one);
    expect({ ret, methods }).toEqual({ ret: -errno.ENOTTY, methods: ['flr', 'af_flr'] });
    expect(said).toEqual(lines(one, ...waiting('FLR'), ...waiting('AF_FLR')));
  });

  it('before the reset has requests pending for ever', () => {
    const host = new Host([nvme]);
    host.hang(nvme, 'now');
    const { ret, said } = host.reset(nvme);
    expect(ret).toBe(-errno.ENOTTY);
    const pending = 'timed out waiting for pending transaction; performing function level reset anyway';
    expect(said).toEqual(lines(nvme, pending, ...waiting('FLR')));
  });

  it('keeps nothing that is written, and comes back as after a reset', () => {
    const host = new Host([nvme]);
    host.hang(nvme, 'now');
    expect(host.reset(nvme).writes).not.toEqual([]);
    const changed = host.hang(nvme, 'no').filter(({ kind }) => kind === 'config.changed');
    expect(changed.map(({ data }) => (data as DataOf<'config.changed'>).reg)).toContain(0x10);
    expect(host.reset(nvme)).toMatchObject({ ret: 0, methods: ['flr'], said: [] });
  });
});
