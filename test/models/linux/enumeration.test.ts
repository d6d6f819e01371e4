import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import { Engine } from '../../../src/models/engine.js';
import { formatSbdf } from '../../../src/pci/sbdf.js';
import type { Platform } from '../../../src/platform/platform.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import {
  e1000e,
  graphics,
  highNvme,
  machineWith,
  nvme,
  sound,
  type Wired,
  wired,
} from '../../../src/scenarios/toolstack/functions.js';

/** A bridge with the bus numbers firmware left: primary, secondary, subordinate. */
const bridge = (name: string, numbers: string): Wired =>
  wired(
    name,
    0,
    {
      0: '36 1b 0c 00 07 01 10 00 00 00 04 06 00 00 01 00',
      16: `00 00 00 00 00 00 00 00 ${numbers} 00 00 00 00 00`,
      48: '00 00 00 00 40 00 00 00 00 00 00 00 00 00 00 00',
    },
    [[0x18, 0x00ff_ffff]],
  );

function scan(platform: Platform) {
  const engine = new Engine({
    platform,
    policies: defaultPolicies,
    switches: defaultSwitches,
    behaviour: currentBehaviour,
  });
  const domid = 0 as DomainId;
  const data = {
    domid,
    type: 'pv' as const,
    privileged: true,
    hardware: true,
    target: null,
    name: 'Domain-0',
  };
  engine.step({ kind: 'domain.created', by: 'xen', data });
  const events = engine.step({ kind: 'linux.scanned', by: 'd0', data: { segment: 0, bus: 0 } });
  return { engine, events };
}

describe('a scan of a root bus (facts/dom0 2.1)', () => {
  it('finds a bus in order, then what is behind its bridges, firmware-numbered ones first', () => {
    const { events } = scan(
      machineWith([
        bridge('0000:00:01.0', '00 00 00'),
        bridge('0000:00:03.0', '00 02 02'),
        graphics,
        sound,
        highNvme,
      ]),
    );
    const found = events.flatMap((event) =>
      event.kind === 'linux.found' ? [formatSbdf(event.data.sbdf)] : [],
    );
    expect(found).toEqual(['0000:00:01.0', '0000:00:03.0', '0000:02:00.0', '0000:02:00.1', '0000:03:00.0']);
    const numbered = events.flatMap((event) =>
      event.kind === 'linux.bus-numbered'
        ? [
            `${formatSbdf(event.data.sbdf)} ${event.data.secondary}-${event.data.subordinate} ${event.data.byFirmware}`,
          ]
        : [],
    );
    expect(numbered).toEqual(['0000:00:03.0 2-2 true', '0000:00:01.0 3-3 false']);
  });

  it('reports every function to Xen as it finds it', () => {
    const { events } = scan(machineWith([bridge('0000:00:03.0', '00 02 02'), graphics, sound]));
    const order = events.flatMap((event) =>
      event.kind === 'linux.found' ? ['found'] : event.kind === 'hypercall.entered' ? [event.data.op] : [],
    );
    expect(order).toEqual(['found', 'pci_device_add', 'found', 'pci_device_add', 'found', 'pci_device_add']);
  });

  it.each([
    [
      'e1000e',
      e1000e,
      '0000:00:03.0',
      '00 04 04',
      [
        '10 mem32 fd840000 20000',
        '14 mem32 fd860000 20000',
        '18 io d000 20',
        '1c mem32 fd880000 4000',
        '30 rom fd800000 40000',
      ],
    ],
    ['NVMe', nvme, '0000:00:03.0', '00 01 01', ['10 mem64 fde00000 4000']],
    ['NVMe above 4 GiB', highNvme, '0000:00:03.0', '00 03 03', ['10 mem64 38fde00000 4000']],
  ] as const)(
    'sizes the BARs of the %s and leaves them as they were',
    (_name, one, above, numbers, expected) => {
      const { engine, events } = scan(machineWith([bridge(above, numbers), one]));
      const sized = events.flatMap((event) =>
        event.kind === 'linux.sized'
          ? [
              `${event.data.reg.toString(16)} ${event.data.space} ${event.data.start.toString(16)} ${event.data.sizeBytes.toString(16)}`,
            ]
          : [],
      );
      expect(sized).toEqual(expected);
      const image = one.described.config;
      const left = engine.state.hw.config[one.described.function] ?? {};
      for (const [reg, value] of Object.entries(left)) {
        const at = Number(reg);
        expect(value).toBe(
          (image[at]! | (image[at + 1]! << 8) | (image[at + 2]! << 16) | (image[at + 3]! << 24)) >>> 0,
        );
      }
    },
  );
});
