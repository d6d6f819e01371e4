import fc from 'fast-check';
import { produce } from 'immer';
import { describe, expect, it } from 'vitest';
import { replay } from '../../../replay/run/replayer.js';
import type { CfgBase, DomainId } from '../../../src/base/brand.js';
import type { InputDraft } from '../../../src/events/catalogue.js';
import { TraceReader } from '../../../src/log/reader.js';
import { MemoryStore } from '../../../src/log/stores/memory-store.js';
import { Recorder } from '../../../src/machine/recorder.js';
import { Engine } from '../../../src/models/engine.js';
import { encodeItsCommand } from '../../../src/pci/its-command.js';
import type { MsiController } from '../../../src/platform/platform.js';
import type { Policies } from '../../../src/policy/axes.js';
import { evolve, initialWorld, type World } from '../../../src/state/world.js';
import { Bench, ITS_BASE, nicA, nicB, TRANSLATER, twoBridges } from '../arm/bench.js';

const plain = { deviceIdBits: 0, eventIdBits: 0, spiBase: 0, spiCount: 0 };
const extra: readonly MsiController[] = [
  {
    ...plain,
    node: '/v2m',
    model: 'gicv2m',
    base: 0x2c1c0000,
    doorbell: 0x2c1c0040,
    spiBase: 224,
    spiCount: 4,
  },
  { ...plain, node: '/pcie@a0000000', model: 'nwl', base: 0xfd0e0000, doorbell: 0xfd480000 },
  { ...plain, node: '/pcie@b0000000', model: 'axi', base: 0xfe0e0000, doorbell: 0x7fff0000 },
  { ...plain, node: '/msi', model: 'xgene', base: 0x79000000, doorbell: 0x79000000, spiBase: 48 },
];

/** A machine with every kind of controller at once. */
function machine() {
  const made = twoBridges();
  return {
    ...made,
    bridges: made.bridges.map((bridge, i) => (i === 0 ? { ...bridge, access: 'nwl' as const } : bridge)),
    msiControllers: [...made.msiControllers, ...extra],
  };
}

const fn = fc.constantFrom(nicA, nicB, 0x7fff_0000, 0x2_0308);
const domid = fc.constantFrom(0, 1, 2, 0x7ff1);
const vector = fc.integer({ min: 0, max: 3 });
const word = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 0xffff_ffff }));
const address = fc.oneof(
  fc.constantFrom(TRANSLATER, 0x2c1c0040, 0xfd480000, 0x7fff0000, 0x79190000, 0x0800_0040, 0xfee00000),
  fc.integer({ min: 0, max: 2 ** 52 - 1 }),
);
const controller = fc.constantFrom(ITS_BASE, 0x2c1c0000, 0xfd0e0000, 0xfe0e0000, 0x79000000, 1);

const data = {
  'vector.written': fc.record({
    domid,
    function: fn,
    vector,
    field: fc.constantFrom('address', 'address-high', 'data', 'mask', 'enable', 'messages'),
    value: fc.oneof(
      word,
      address.map((value) => value % 2 ** 32),
    ),
  }),
  'vector.read': fc.record({
    domid,
    function: fn,
    vector,
    field: fc.constantFrom('address', 'address-high', 'data', 'mask', 'pending'),
  }),
  'msi.raised': fc.record({ function: fn, vector }),
  'msi.written': fc.record({ function: fn, address, data: word }),
  'msi.serviced': fc.record({ controller }),
  'msi.ended': fc.record({ domid, function: fn, vector }),
  'dma.attempted': fc.record({
    function: fn,
    address,
    dir: fc.constantFrom('read', 'write'),
    data: fc.option(word),
  }),
  'iommu.serviced': fc.record({ smmu: fc.constantFrom(0x2b400000, 7) }),
  'stage2.populated': fc.record({ domid, address, target: address, sizeBytes: word, writable: fc.boolean() }),
  'device.reset': fc.record({ function: fn, method: fc.constant('flr') }),
  'bridge.stepped': fc.record({
    by: fc.constantFrom('firmware', 'dom0', 'xen'),
    cfgBase: fc.constantFrom(0xa000_0000, 0xb000_0000, 5),
    step: fc.constantFrom('clocks', 'gt', 'breg', 'link', 'ecam', 'msi'),
    result: fc.constantFrom('done', 'absent'),
  }),
  'its.commanded': fc
    .record({
      domid: fc.constantFrom(0, 1),
      name: fc.constantFrom(
        'MAPD',
        'MAPC',
        'MAPTI',
        'MAPI',
        'MOVI',
        'INT',
        'DISCARD',
        'INV',
        'CLEAR',
        'INVALL',
        'MOVALL',
      ),
      deviceId: fc.constantFrom(0x100, 0x10100, 0xffff_ffff),
      eventId: fc.integer({ min: 0, max: 34 }),
      eventIdBits: fc.integer({ min: 1, max: 18 }),
      lpi: fc.integer({ min: 8190, max: 8210 }),
      icid: fc.integer({ min: 0, max: 1 }),
      valid: fc.boolean(),
      property: fc.option(fc.integer({ min: 0, max: 255 })),
    })
    .map(({ domid: by, property, ...command }) => {
      const [d0, d1, d2, d3] = encodeItsCommand({
        ...command,
        rdBase: command.icid,
        rdBase2: 0,
        ittAddress: 0x7f000000,
      } as never);
      return { domid: by, its: ITS_BASE, d0, d1, d2, d3, property };
    }),
};

const input = fc.oneof(
  ...Object.entries(data).map(([kind, value]) =>
    (value as fc.Arbitrary<unknown>).map((each) => ({ kind, by: 'hw', data: each }) as unknown as InputDraft),
  ),
);

/** A run of the inputs on a fresh machine. */
function run(policies: ConstructorParameters<typeof Bench>[1], drafts: readonly InputDraft[]) {
  const { env } = new Bench(machine(), policies).engine;
  const engine = new Engine(env);
  const boot: InputDraft[] = [0, 1].map((id) => ({
    kind: 'domain.created',
    by: 'xen',
    data: {
      domid: id as DomainId,
      type: 'arm',
      privileged: id === 0,
      hardware: id === 0,
      target: null,
      name: `d${id}`,
    },
  }));
  for (const cfgBase of [0xa000_0000, 0xb000_0000]) {
    for (const by of ['xen', 'dom0'] as const) {
      boot.push({ kind: 'bridge.probed', by, data: { by, cfgBase: cfgBase as CfgBase, result: 'bound' } });
    }
  }
  return { env, engine, events: [...boot, ...drafts].flatMap((draft) => engine.step(draft)) };
}

describe('whatever devices, guests and Dom0 do', () => {
  describe.each<[string, Partial<Policies>]>([
    ['as built', {}],
    ['forced messages', { 'guest-msi': 'trap', msi: 'gicv2m', doorbell: 'mapped' }],
    [
      'forced messages on the ITS',
      { 'guest-msi': 'trap', doorbell: 'mapped', 'nwl-doorbell': 'behind-smmu' },
    ],
    ['forced messages on X-Gene', { 'guest-msi': 'trap', msi: 'xgene', doorbell: 'mapped' }],
    ['interrupts from faults', { 'guest-msi': 'fault', 'bridge-init': 'dom0' }],
  ])('%s', (_name, policies) => {
    it('nothing throws, and a replay decides the same', () => {
      fc.assert(
        fc.property(fc.array(input, { maxLength: 50 }), (drafts) => {
          const { env, events } = run(policies, drafts);
          expect(replay(env, [events], { keep: 1 }).mismatched).toBe(0);
        }),
        { numRuns: 40 },
      );
    });

    it('every event is written and read back as it was', () => {
      fc.assert(
        fc.property(fc.array(input, { maxLength: 50 }), (drafts) => {
          const { env, events } = run(policies, drafts);
          const store = new MemoryStore();
          const recorder = new Recorder(store.create('t'), { ...header, ...env }, env);
          recorder.append(events);
          recorder.finish();
          const reader = TraceReader.open(store.open('t'));
          expect([...reader.readEvents()]).toEqual(events);
        }),
        { numRuns: 25 },
      );
    });

    it('the state is the same under immer and on plain data', () => {
      fc.assert(
        fc.property(fc.array(input, { maxLength: 50 }), (drafts) => {
          const { env, engine, events } = run(policies, drafts);
          const kept = produce(initialWorld(env), (draft) => {
            for (const event of events) evolve(draft as World, event, env);
          });
          expect(kept).toEqual(engine.state);
        }),
        { numRuns: 25 },
      );
    });
  });
});

const header = { creator: 'test', scenario: null, seed: 1, behaviour: [], provenance: [] };
