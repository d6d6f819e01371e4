import { describe, expect, it } from 'vitest';
import { hasWideAcs } from '../../../src/models/linux/groups/acs-quirks.js';
import { takesOverAsSecondary } from '../../../src/models/linux/groups/alias-quirks.js';
import { assignableSet, iommuGroups, requesterIds } from '../../../src/models/linux/groups/groups.js';
import type { GroupNode, PortType } from '../../../src/models/linux/groups/node.js';
import { dmaAliases } from '../../../src/pci/dma-aliases.js';
import { formatBdf, parseSbdf } from '../../../src/pci/sbdf.js';

const FULL = { capability: 0x5f, control: 0x1d };

interface Row {
  readonly bdf: string;
  readonly above?: string;
  readonly type?: PortType | null;
  readonly multi?: boolean;
  readonly acs?: GroupNode['acs'];
  readonly id?: readonly [number, number];
  readonly aliases?: readonly number[];
  readonly root?: boolean;
  readonly pchPeersOff?: boolean;
}

const idOf = (bdf: string): number => parseSbdf(bdf)!;
const bridges: readonly (PortType | null)[] = [
  'root-port',
  'upstream',
  'downstream',
  'pcie-to-pci',
  'pci-to-pcie',
];

const tree = (rows: readonly Row[]): readonly GroupNode[] =>
  rows.map(({ bdf, above, type, multi, acs, id, aliases, root, pchPeersOff }) => ({
    id: idOf(bdf),
    above: above === undefined ? null : idOf(above),
    type: type === undefined ? 'endpoint' : type,
    isBridge: bridges.includes(type ?? null) || rows.some((row) => row.above === bdf),
    multifunction: multi ?? false,
    acs: acs ?? null,
    vendor: id?.[0] ?? 0x1b36,
    device: id?.[1] ?? 0,
    aliases: aliases ?? [],
    ...(root === undefined ? {} : { isTranslationRoot: root }),
    ...(pchPeersOff === undefined ? {} : { pchPeersOff }),
  }));

const shown = (rows: readonly Row[]): string =>
  iommuGroups(tree(rows))
    .map((group) => group.members.map(formatBdf).join('+'))
    .join(' ');

describe('IOMMU groups (facts/dom0 10.2 to 10.4)', () => {
  it.each<[string, readonly Row[], string]>([
    [
      'an endpoint behind a root port with ACS is alone',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '01:00.0', above: '00:03.0' },
      ],
      '00:03.0 01:00.0',
    ],
    [
      'behind a root port without ACS it joins the port',
      [
        { bdf: '00:03.0', type: 'root-port' },
        { bdf: '01:00.0', above: '00:03.0' },
      ],
      '00:03.0+01:00.0',
    ],
    [
      'a control register with one required bit off is no ACS',
      [
        { bdf: '00:03.0', type: 'root-port', acs: { capability: 0x5f, control: 0x1c } },
        { bdf: '01:00.0', above: '00:03.0' },
      ],
      '00:03.0+01:00.0',
    ],
    [
      'bits the capability lacks count as set',
      [
        { bdf: '00:03.0', type: 'root-port', acs: { capability: 0x01, control: 0x01 } },
        { bdf: '01:00.0', above: '00:03.0' },
      ],
      '00:03.0 01:00.0',
    ],
    [
      'single-function root ports of different slots do not meet',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '00:04.0', type: 'root-port' },
        { bdf: '01:00.0', above: '00:03.0' },
        { bdf: '02:00.0', above: '00:04.0' },
      ],
      '00:03.0 00:04.0+02:00.0 01:00.0',
    ],
    [
      'a multifunction slot of root ports without ACS and all below it is one group',
      [
        { bdf: '00:03.0', type: 'root-port', multi: true },
        { bdf: '00:03.1', type: 'root-port', multi: true },
        { bdf: '01:00.0', above: '00:03.0' },
        { bdf: '02:00.0', above: '00:03.1' },
      ],
      '00:03.0+00:03.1+01:00.0+02:00.0',
    ],
    [
      'functions with ACS leave such a slot',
      [
        { bdf: '00:03.0', type: 'root-port', multi: true, acs: FULL },
        { bdf: '00:03.1', type: 'root-port', multi: true },
        { bdf: '00:03.2', type: 'root-port', multi: true },
      ],
      '00:03.0 00:03.1+00:03.2',
    ],
    [
      'a multifunction endpoint without ACS is one group',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '01:00.0', above: '00:03.0', multi: true },
        { bdf: '01:00.1', above: '00:03.0', multi: true },
      ],
      '00:03.0 01:00.0+01:00.1',
    ],
    [
      'its functions part with ACS',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '01:00.0', above: '00:03.0', multi: true, acs: FULL },
        { bdf: '01:00.1', above: '00:03.0', multi: true, acs: FULL },
      ],
      '00:03.0 01:00.0 01:00.1',
    ],
    [
      'and by quirk (82576)',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '01:00.0', above: '00:03.0', multi: true, id: [0x8086, 0x10c9] },
        { bdf: '01:00.1', above: '00:03.0', multi: true, id: [0x8086, 0x10c9] },
      ],
      '00:03.0 01:00.0 01:00.1',
    ],
    [
      'integrated Intel endpoints are apart by quirk, others of one slot are not',
      [
        { bdf: '00:14.0', type: 'rc-endpoint', multi: true, id: [0x8086, 0xa36d] },
        { bdf: '00:14.1', type: 'rc-endpoint', multi: true, id: [0x8086, 0xa36f] },
        { bdf: '00:15.0', type: 'rc-endpoint', multi: true },
        { bdf: '00:15.1', type: 'rc-endpoint', multi: true },
      ],
      '00:14.0 00:14.1 00:15.0+00:15.1',
    ],
    ...(
      [
        ['Qualcomm', 0x17cb, 0x0401],
        ['HXT', 0x1dbf, 0x0401],
        ['X-Gene', 0x10e8, 0xe004],
        ['Ampere', 0x1def, 0xe00c],
        ['Broadcom', 0x14e4, 0xd714],
        ['NXP LX2', 0x1957, 0x8d98],
        ['Annapurna', 0x1c36, 0x0031],
        ['ThunderX', 0x177d, 0xa100],
        ['Zhaoxin', 0x1d17, 0x0721],
      ] as const
    ).map(([name, vendor, device]): [string, readonly Row[], string] => [
      `${name} root ports count as isolated without the capability`,
      [
        { bdf: '00:03.0', type: 'root-port', id: [vendor, device] },
        { bdf: '01:00.0', above: '00:03.0' },
      ],
      '00:03.0 01:00.0',
    ]),
    [
      'only as root ports: the same ids below a switch are judged by their capability',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '02:00.0', type: 'upstream', above: '00:03.0' },
        { bdf: '03:00.0', type: 'downstream', above: '02:00.0', id: [0x1c36, 0x0031] },
        { bdf: '04:00.0', above: '03:00.0' },
      ],
      '00:03.0 02:00.0 03:00.0+04:00.0',
    ],
    [
      'a Zhaoxin port the vendor does not vouch for is not isolated, whatever its capability says',
      [
        { bdf: '00:03.0', type: 'root-port', id: [0x1d17, 0x0722], acs: FULL },
        { bdf: '01:00.0', above: '00:03.0' },
      ],
      '00:03.0+01:00.0',
    ],
    [
      'a Wangxun card the vendor does not vouch for is not isolated, whatever its capability says',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '01:00.0', above: '00:03.0', multi: true, id: [0x8088, 0x0110], acs: FULL },
        { bdf: '01:00.1', above: '00:03.0', multi: true, id: [0x8088, 0x0110], acs: FULL },
        { bdf: '01:01.0', above: '00:03.0', multi: true, id: [0x8088, 0x0100] },
        { bdf: '01:01.1', above: '00:03.0', multi: true, id: [0x8088, 0x0100] },
      ],
      '00:03.0 01:00.0+01:00.1 01:01.0 01:01.1',
    ],
    [
      'PCH root ports part where peer decoding could be switched off',
      [
        { bdf: '00:1c.0', type: 'root-port', multi: true, id: [0x8086, 0x8c10], pchPeersOff: true },
        { bdf: '00:1c.4', type: 'root-port', multi: true, id: [0x8086, 0x8c18], pchPeersOff: true },
        { bdf: '02:00.0', above: '00:1c.0' },
        { bdf: '03:00.0', above: '00:1c.4' },
      ],
      '00:1c.0 00:1c.4 02:00.0 03:00.0',
    ],
    [
      'and stay together where the LPC bridge has its root complex registers off, capability or not',
      [
        {
          bdf: '00:1c.0',
          type: 'root-port',
          multi: true,
          id: [0x8086, 0x8c10],
          pchPeersOff: false,
          acs: FULL,
        },
        {
          bdf: '00:1c.4',
          type: 'root-port',
          multi: true,
          id: [0x8086, 0x8c18],
          pchPeersOff: false,
          acs: FULL,
        },
        { bdf: '02:00.0', above: '00:1c.0' },
        { bdf: '03:00.0', above: '00:1c.4' },
      ],
      '00:1c.0+00:1c.4+02:00.0+03:00.0',
    ],
    [
      'AMD southbridge functions part on the root bus',
      [
        { bdf: '00:14.0', type: null, multi: true, id: [0x1002, 0x4385] },
        { bdf: '00:14.3', type: null, multi: true, id: [0x1002, 0x439d] },
        { bdf: '00:14.4', type: null, multi: true },
        { bdf: '00:14.5', type: null, multi: true },
      ],
      '00:14.0 00:14.3 00:14.4+00:14.5',
    ],
    [
      'an event collector never has ACS but is alone in its slot',
      [{ bdf: '00:05.4', type: 'rc-event-collector' }],
      '00:05.4',
    ],
    [
      'downstream ports with ACS separate a switch',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '02:00.0', type: 'upstream', above: '00:03.0' },
        { bdf: '03:00.0', type: 'downstream', above: '02:00.0', acs: FULL },
        { bdf: '03:01.0', type: 'downstream', above: '02:00.0', acs: FULL },
        { bdf: '04:00.0', above: '03:00.0' },
        { bdf: '05:00.0', above: '03:01.0' },
      ],
      '00:03.0 02:00.0 03:00.0 03:01.0 04:00.0 05:00.0',
    ],
    [
      'downstream ports without ACS keep their devices, each its own',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '02:00.0', type: 'upstream', above: '00:03.0' },
        { bdf: '03:00.0', type: 'downstream', above: '02:00.0' },
        { bdf: '03:01.0', type: 'downstream', above: '02:00.0', acs: FULL },
        { bdf: '04:00.0', above: '03:00.0' },
        { bdf: '05:00.0', above: '03:01.0' },
      ],
      '00:03.0 02:00.0 03:00.0+04:00.0 03:01.0 05:00.0',
    ],
    [
      'a multifunction upstream port without ACS joins what is below with what is above',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '02:00.0', type: 'upstream', above: '00:03.0', multi: true },
        { bdf: '03:00.0', type: 'downstream', above: '02:00.0', acs: FULL },
        { bdf: '04:00.0', above: '03:00.0' },
      ],
      '00:03.0 02:00.0+03:00.0+04:00.0',
    ],
    [
      'everything behind a PCIe-to-PCI bridge shares its alias',
      [
        { bdf: '00:04.0', type: 'pcie-to-pci' },
        { bdf: '07:01.0', above: '00:04.0', type: null },
        { bdf: '07:02.0', above: '00:04.0', type: null },
      ],
      '00:04.0+07:01.0+07:02.0',
    ],
    [
      'a conventional bridge takes everything below it over',
      [
        { bdf: '00:1e.0', type: null },
        { bdf: '05:00.0', above: '00:1e.0', type: null },
        { bdf: '05:01.0', above: '00:1e.0', type: null },
      ],
      '00:1e.0+05:00.0+05:01.0',
    ],
    [
      'aliases end where translation happens, but conventional functions still lack ACS above them',
      [
        { bdf: '00:1e.0', type: null, root: true },
        { bdf: '05:00.0', above: '00:1e.0', type: null },
      ],
      '00:1e.0+05:00.0',
    ],
    [
      'a function that sends as another one of its bus goes with it',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '01:00.0', above: '00:03.0' },
        { bdf: '01:00.1', above: '00:03.0', aliases: [0] },
      ],
      '00:03.0 01:00.0+01:00.1',
    ],
    [
      'conventional functions of one root-bus slot go together, other slots do not',
      [
        { bdf: '00:01.0', type: null, multi: true },
        { bdf: '00:01.1', type: null, multi: true },
        { bdf: '00:02.0', type: null },
      ],
      '00:01.0+00:01.1 00:02.0',
    ],
    [
      'virtual functions are single functions',
      [
        { bdf: '00:03.0', type: 'root-port', acs: FULL },
        { bdf: '07:00.0', above: '00:03.0', multi: false },
        { bdf: '07:00.1', above: '00:03.0' },
        { bdf: '07:00.2', above: '00:03.0' },
      ],
      '00:03.0 07:00.0 07:00.1 07:00.2',
    ],
  ])('%s', (_name, rows, groups) => {
    expect(shown(rows)).toBe(groups);
    // The order in which functions are given does not matter.
    const reversed = iommuGroups(tree(rows.toReversed())).map((group) =>
      group.members.map(formatBdf).join('+'),
    );
    expect(reversed.join(' ')).toBe(groups);
  });

  it('gives requests behind a PCIe-to-PCI bridge the id (secondary, 00.0)', () => {
    const nodes = tree([
      { bdf: '00:04.0', type: 'pcie-to-pci' },
      { bdf: '07:01.0', above: '00:04.0', type: null, aliases: [0x10] },
    ]);
    const byId = new Map(nodes.map((node) => [node.id, node]));
    expect(requesterIds(byId, byId.get(idOf('07:01.0'))!, () => 7).map(formatBdf)).toEqual([
      '07:01.0',
      '07:02.0',
      '07:00.0',
    ]);
  });

  it.each([
    ['Ricoh sends as function 0', 0x1180, 0xe832, 0x0b, [0x08]],
    ['function 0 of Ricoh needs no alias', 0x1180, 0xe832, 0x08, []],
    ['Marvell sends as function 1', 0x1b4b, 0x9230, 0x00, [0x01]],
    ['MIC x200 sends as three others', 0x8086, 0x2260, 0x00, [0x80, 0x88, 0x93]],
    ['most send as themselves', 0x8086, 0x10d3, 0x00, []],
  ] as const)('%s', (_name, vendor, device, devfn, aliases) => {
    const ids = { vendor, device, subsystemVendor: 0, subsystem: 0 };
    expect(dmaAliases(ids, devfn)).toEqual(aliases);
  });

  it('knows the devices that may send as anybody on their bus', () => {
    const plx = { vendor: 0x10b5, device: 0x87b0, subsystemVendor: 0, subsystem: 0 };
    expect(dmaAliases(plx, 0x10)).toHaveLength(255);
    const vca = { vendor: 0x8086, device: 0x2954, subsystemVendor: 0, subsystem: 0 };
    expect(dmaAliases(vca, 0x05)).toHaveLength(32 * 5);
  });

  it('an Adaptec card is told by its subsystem', () => {
    const card = { vendor: 0x9005, device: 0x0285, subsystemVendor: 0x9005, subsystem: 0x02bb };
    expect(dmaAliases(card, 0x70)).toEqual([0x08]);
    expect(dmaAliases({ ...card, subsystem: 0x02bd }, 0x70)).toEqual([]);
  });

  it('a bridge that hides its capability takes requests over only below a PCIe port', () => {
    const bridge = { vendor: 0x1b21, device: 0x1080, type: null, isBridge: true };
    expect(takesOverAsSecondary(bridge, { type: 'root-port' })).toBe(true);
    expect(takesOverAsSecondary(bridge, { type: 'pcie-to-pci' })).toBe(false);
    expect(takesOverAsSecondary(bridge, { type: null })).toBe(false);
    expect(takesOverAsSecondary(bridge, null)).toBe(false);
    expect(takesOverAsSecondary({ ...bridge, device: 0x1081 }, { type: 'root-port' })).toBe(false);
  });

  it('reads the ACS control of newer PCH ports where they keep it', () => {
    expect(hasWideAcs({ vendor: 0x8086, device: 0xa110, type: 'root-port' })).toBe(true);
    expect(hasWideAcs({ vendor: 0x8086, device: 0xa110, type: 'downstream' })).toBe(false);
    expect(hasWideAcs({ vendor: 0x8086, device: 0xa120, type: 'root-port' })).toBe(false);
  });

  it('asks for the group without its bridges', () => {
    const nodes = tree([
      { bdf: '00:04.0', type: 'pcie-to-pci' },
      { bdf: '07:01.0', above: '00:04.0', type: null },
      { bdf: '07:02.0', above: '00:04.0', type: null },
    ]);
    expect(assignableSet(nodes, idOf('07:01.0')).map(formatBdf)).toEqual(['07:01.0', '07:02.0']);
  });
});
