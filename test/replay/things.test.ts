import { describe, expect, it } from 'vitest';
import { Canonicaliser } from '../../replay/diff/canonical.js';
import type { CfgBase } from '../../src/base/brand.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { defaultPolicies } from '../../src/policy/axes.js';
import { defaultSwitches } from '../../src/policy/switches.js';
import type { Env } from '../../src/state/env.js';

const twoBridges = platformFromDtb(twoBridgesDtb());
const env: Env = {
  platform: twoBridges,
  policies: defaultPolicies,
  switches: defaultSwitches,
  behaviour: [],
};
const [first, second] = twoBridges.bridges.map(({ cfgBase }) => cfgBase) as [CfgBase, CfgBase];

type Draft = readonly [kind: string, data: object];

/** The last event's token, where both parties numbered the bridges in the order given. */
function token(
  order: readonly CfgBase[],
  drafts: readonly Draft[],
  level: 'semantic' | 'raw' = 'semantic',
): string {
  const numbered = order.flatMap((cfgBase, segment): Draft[] => [
    ['bridge.registered', { by: 'xen', cfgBase }],
    ...(['xen', 'dom0'] as const).map(
      (by): Draft => ['segment.assigned', { by, segment, cfgBase, source: 'counter' }],
    ),
  ]);
  const host: Draft = [
    'domain.created',
    { domid: 0, type: 'arm', privileged: true, hardware: true, target: null, name: 'Dom0' },
  ];
  const events = [host, ...numbered, ...drafts].map(
    ([kind, data], seq) =>
      ({ seq, atNs: 0, kind, origin: 'observed', by: 'x', cause: null, data }) as unknown as TraceEvent,
  );
  return [...new Canonicaliser(env, { level, ignore: new Set() }).tokens(events)].at(-1)!.text;
}

/** The same thing under the two names it has when the bridges are numbered one way and the other. */
const same = (draft: (segment: number) => Draft): [string, string] => [
  token([first, second], [draft(0)]),
  token([second, first], [draft(1)]),
];

const name = (segment: number, mark = ':'): string =>
  `000${segment}${mark}01${mark}00${mark === ':' ? '.' : mark}0`;

describe('a name stands for the same thing, however bridges are numbered', () => {
  it.each<[string, (segment: number) => Draft]>([
    ['of Xen', (segment) => ['device.unregistered', { sbdf: segment * 0x1_0000 + 0x100 }]],
    ['of Dom0', (segment) => ['linux.listed', { sbdf: segment * 0x1_0000 + 0x100 }]],
    ['of a segment of Dom0', (segment) => ['linux.scanned', { segment, bus: 0 }]],
    [
      'of a segment of Xen',
      (segment) => ['vpci.trapped', { address: 1, sizeBytes: 2, segment, busStart: 0 }],
    ],
    [
      'in a path',
      (segment) => [
        'sysfs.requested',
        { verb: 'read', path: `/sys/bus/pci/devices/${name(segment)}/driver`, value: null },
      ],
    ],
    [
      'in a path of XenStore',
      (segment) => [
        'xenstore.fired',
        { conn: 'k0', path: `/libxl/pci/${name(segment, '-')}/owner`, token: 't' },
      ],
    ],
    [
      'in a message of libxl',
      (segment) => ['toolstack.logged', { job: 1, level: 'error', text: `${segment}:1:0.0 is busy` }],
    ],
    ['in a line of Xen', (segment) => ['xen.logged', { level: 'info', text: `d0: ${name(segment)} added` }]],
    [
      'in a line of its own kernel',
      (segment) => ['linux.logged', { domid: 0, text: `pci ${name(segment)}: reset` }],
    ],
    [
      'in what a command remembers',
      (segment) => [
        'toolstack.advanced',
        { job: 1, step: 's', next: null, waits: 'no', vars: { device: [name(segment)] } },
      ],
    ],
    [
      'in arguments',
      (segment) => [
        'hypercall.issued',
        {
          domid: 0,
          hypercall: 'physdev_op',
          op: 'pci_device_add',
          args: { seg: segment, bus: 1, devfn: 0, flags: 0 },
        },
      ],
    ],
  ])('%s', (_where, draft) => {
    const [one, other] = same(draft);
    expect(one).toBe(other);
    expect(one).not.toBe(token([second, first], [draft(0)]));
  });

  it('but a guest has names of its own, which are what they are', () => {
    const inGuest = (segment: number): Draft => [
      'linux.logged',
      { domid: 3, text: `pci ${name(segment)}: reset` },
    ];
    expect(token([first, second], [inGuest(0)])).toBe(token([second, first], [inGuest(0)]));
    expect(token([first, second], [inGuest(0)])).toContain(name(0));
  });

  it('and the place of another event is no difference, as its number is none', () => {
    const completed: Draft = ['ioreq.unsent', { domid: 3, vcpu: 0, server: 0, reason: 'full', request: 1 }];
    const later: Draft = [completed[0], { ...completed[1], request: 2 }];
    expect(token([first], [completed])).toBe(token([first], [later]));
    expect(token([first], [completed], 'raw')).not.toBe(token([first], [later], 'raw'));
  });
});
