import { describe, expect, it } from 'vitest';
import type { ItsCommand } from '../../../src/pci/its-command.js';
import { Bench, DOM0, DOMU, nicB, twoBridges } from './bench.js';

const deviceId = 0x10100;
const mapd = (change: Partial<ItsCommand & { name: 'MAPD' }> = {}): ItsCommand => ({
  name: 'MAPD',
  deviceId,
  eventIdBits: 5,
  ittAddress: 0x7f000000,
  valid: true,
  ...change,
});
const mapti = (
  eventId: number,
  lpi: number,
  change: { deviceId?: number; icid?: number } = {},
): ItsCommand => ({
  name: 'MAPTI',
  deviceId,
  eventId,
  lpi,
  icid: 0,
  ...change,
});
const mapc: ItsCommand = { name: 'MAPC', icid: 0, rdBase: 0, valid: true };
const last = (lines: readonly string[]): string | undefined => lines.at(-1);

/** NIC-B's stream belongs to Dom0, so its messages arrive. */
function bench(...setUp: readonly ItsCommand[]): Bench {
  const made = new Bench();
  made.xenProbes(0xa000_0000, 0xb000_0000);
  made.dom0Probes(0xa000_0000, 0xb000_0000);
  made.add(1);
  for (const command of setUp) made.its(command);
  return made;
}

describe('the virtual ITS of the hardware domain (facts/arm-msi-iommu 3.5, 3.6)', () => {
  it.each<[string, readonly ItsCommand[], ItsCommand, string]>([
    ['second MAPD', [mapd()], mapd(), 'MAPD -EBUSY: DeviceID 0x10100 cannot be mapped on the hardware'],
    ['MAPD V=0 of an unmapped device is no error', [], mapd({ valid: false }), 'MAPD ok'],
    ['MAPD again after V=0', [mapd(), mapd({ valid: false })], mapd(), 'MAPD ok'],
    [
      'MAPD with too many events',
      [],
      mapd({ eventIdBits: 17 }),
      'MAPD -EPERM: 17 EventID bits, the ITS has 16',
    ],
    [
      'MAPD with exactly all EventIDs',
      [],
      mapd({ eventIdBits: 16 }),
      'MAPD -EINVAL: DeviceID 0x10100 cannot be mapped on the hardware',
    ],
    [
      'MAPD of a DeviceID beyond 17 bits',
      [],
      mapd({ deviceId: 0x20000 }),
      'MAPD -EINVAL: DeviceID 0x20000 cannot be mapped on the hardware',
    ],
    [
      'MAPC of a processor that is not there',
      [],
      { ...mapc, rdBase: 128 } as ItsCommand,
      'MAPC -EPERM: no processor 128',
    ],
    ['MAPTI before MAPC', [mapd()], mapti(0, 8192), 'MAPTI -EPERM: collection 0 is not mapped'],
    ['MAPTI before MAPD', [mapc], mapti(0, 8192), 'MAPTI -EPERM: DeviceID 0x10100 is not mapped'],
    ['MAPTI', [mapc, mapd()], mapti(0, 8192), 'MAPTI ok'],
    [
      'MAPTI twice',
      [mapc, mapd(), mapti(0, 8192)],
      mapti(0, 8193),
      'MAPTI -EPERM: the event is mapped already',
    ],
    [
      'MAPTI beyond the MAPD',
      [mapc, mapd()],
      mapti(32, 8192),
      'MAPTI -EPERM: EventID 32 is beyond the size of the MAPD',
    ],
    [
      'MAPTI of one of the top 8192 LPIs',
      [mapc, mapd()],
      mapti(0, 57344),
      'MAPTI -EPERM: LPI 57344 is not below 57344',
    ],
    [
      'MAPTI of a virtual LPI in use',
      [mapc, mapd(), mapti(0, 8192)],
      mapti(1, 8192),
      'MAPTI -EEXIST: virtual LPI 8192 is in use',
    ],
    [
      'MOVI to a mapped collection',
      [mapc, mapd(), mapti(0, 8192)],
      { name: 'MOVI', deviceId, eventId: 0, icid: 0 },
      'MOVI ok',
    ],
    [
      'MOVI elsewhere',
      [mapc, mapd(), mapti(0, 8192)],
      { name: 'MOVI', deviceId, eventId: 0, icid: 1 },
      'MOVI -EPERM: collection 1 is not mapped',
    ],
    [
      'DISCARD of nothing',
      [mapc, mapd()],
      { name: 'DISCARD', deviceId, eventId: 0 },
      'DISCARD -ENOENT: the event is not mapped',
    ],
    [
      'INT of nothing',
      [mapc, mapd()],
      { name: 'INT', deviceId, eventId: 0 },
      'INT -EPERM: the event is not mapped',
    ],
    ['CLEAR', [mapc, mapd(), mapti(0, 8192)], { name: 'CLEAR', deviceId, eventId: 0 }, 'CLEAR ok'],
    ['INVALL', [], { name: 'INVALL', icid: 0 }, 'INVALL ok'],
    ['SYNC', [], { name: 'SYNC', rdBase: 0 }, 'SYNC ok'],
    ['MOVALL', [], { name: 'MOVALL', rdBase: 0, rdBase2: 1 }, 'MOVALL ok: MOVALL is ignored'],
  ])('%s', (_name, before, command, answer) => {
    expect(last(bench(...before).its(command))).toBe(answer);
  });

  it('refuses a guest: it has no virtual ITS', () => {
    const made = bench();
    made.domain(DOMU, false);
    expect(made.its(mapc, null, DOMU)).toEqual(['MAPC -ENODEV: only the hardware domain has a virtual ITS']);
  });

  it('INT raises the LPI in the domain', () => {
    expect(bench(mapc, mapd(), mapti(2, 8200)).its({ name: 'INT', deviceId, eventId: 2 })).toEqual([
      'delivered 8200 to d0, driver none',
      'INT ok',
    ]);
  });

  it('after DISCARD the hardware still translates, and Xen drops the host LPI', () => {
    const made = bench(mapc, mapd(), mapti(2, 8200));
    made.its({ name: 'DISCARD', deviceId, eventId: 2 });
    expect(made.message(nicB, 2)).toEqual([
      'its device 0x10100 event 2 interrupt 8194 of d0',
      'dropped: the host LPI leads to no virtual LPI',
    ]);
  });

  it('a disabled LPI waits until INV reads an enabled property byte', () => {
    const made = bench(mapc, mapd());
    made.its(mapti(1, 8201), 0xa0);
    expect(made.message(nicB, 1)).toEqual([
      'its device 0x10100 event 1 interrupt 8193 of d0',
      'lpi.changed',
      'msi.pended',
    ]);
    expect(made.its({ name: 'INV', deviceId, eventId: 1 }, 0xa1)).toEqual([
      'lpi.changed',
      'delivered 8201 to d0, driver none',
      'INV ok',
    ]);
  });

  it('host LPIs go in blocks of 32, whatever the device asked for', () => {
    const made = bench(mapd({ eventIdBits: 1 }), mapd({ deviceId: 0x100, eventIdBits: 7 }));
    const hosts = made.engine.state.its.hosts[0x2f020000]!;
    expect(hosts[deviceId]).toEqual({ domid: DOM0, events: 32, firstLpis: [8192] });
    expect(hosts[0x100]).toEqual({ domid: DOM0, events: 128, firstLpis: [8224, 8256, 8288, 8320] });
  });

  it('when the blocks are used up, MAPD is ENOSPC, its blocks come back, and the id stays busy for good', () => {
    const made = new Bench(twoBridges(), {}, { 'max-lpi-bits': '14' });
    // 2^14 - 8192 LPIs are 256 blocks: a device of 2^12 events takes 128 of them.
    expect(last(made.its(mapd({ deviceId: 1, eventIdBits: 12 })))).toBe('MAPD ok');
    expect(last(made.its(mapd({ deviceId: 2, eventIdBits: 12 })))).toBe('MAPD ok');
    expect(last(made.its(mapd({ deviceId: 3, eventIdBits: 1 })))).toBe(
      'MAPD -ENOSPC: DeviceID 0x3 cannot be mapped on the hardware',
    );
    expect(last(made.its(mapd({ deviceId: 1, valid: false })))).toBe('MAPD ok');
    expect(last(made.its(mapd({ deviceId: 4, eventIdBits: 12 })))).toBe('MAPD ok');
    expect(last(made.its(mapd({ deviceId: 3, eventIdBits: 1 })))).toBe(
      'MAPD -EBUSY: DeviceID 0x3 cannot be mapped on the hardware',
    );
  });
});
