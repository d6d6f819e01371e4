import fc from 'fast-check';
import { produce } from 'immer';
import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../../../src/events/catalogue.js';
import { functionId } from '../../../../src/pci/function-id.js';
import { bdf } from '../../../../src/pci/sbdf.js';
import { pvhPc } from '../../../../src/platform/built-in/pvh-pc.js';
import type { PlatformFunction } from '../../../../src/platform/platform.js';
import { readVpciDevice } from '../../../../src/state/vpci.js';
import { evolve, initialWorld } from '../../../../src/state/world.js';
import { BenchPvh, GPU, NIC } from './bench-pvh.js';

const ODD = 0x30;

/** Configuration space of a device made by nobody: random words where lists, BARs and capabilities are looked for. */
const oddFunction: fc.Arbitrary<PlatformFunction> = fc
  .record({
    size: fc.constantFrom(256, 4096),
    layout: fc.constantFrom(0, 0, 1, 0x80, 2),
    bytes: fc.array(fc.tuple(fc.nat(4095), fc.nat(255), fc.nat(255), fc.nat(255)), { maxLength: 300 }),
    links: fc.array(fc.tuple(fc.nat(47), fc.constantFrom(1, 5, 0x10, 0x11, 0xff), fc.nat(255)), {
      maxLength: 12,
    }),
    extended: fc.array(fc.tuple(fc.nat(959), fc.constantFrom(1, 0x15, 3), fc.nat(1023)), { maxLength: 6 }),
  })
  .map(({ size, layout, bytes, links, extended }) => {
    const [config, writeMask, clearMask] = [0, 0, 0].map(() => new Uint8Array(size)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    for (const [at, value, writable, clears] of bytes) {
      if (at >= size) continue;
      config[at] = value;
      writeMask[at] = writable;
      clearMask[at] = clears & ~writable;
    }
    config[0x06] = config[0x06]! | 0x10;
    config[0x0e] = layout;
    config[0x34] = 0x40 + (links[0]?.[0] ?? 0) * 4;
    for (const [slot, id, next] of links) {
      config[0x40 + slot * 4] = id;
      config[0x41 + slot * 4] = next;
    }
    for (const [slot, id, next] of extended) {
      const at = 0x100 + slot * 4;
      if (at + 4 > size) continue;
      config.set([id, 0, ((next & 15) << 4) | 1, next >>> 4], at);
    }
    return {
      function: functionId(0, bdf(0, 6, 0)),
      name: 'odd',
      config,
      writeMask,
      clearMask,
      present: true,
    };
  });

const step = fc.oneof(
  fc.record({
    do: fc.constant('config' as const),
    devfn: fc.constantFrom(NIC, GPU, ODD, 0x18),
    reg: fc.oneof(fc.nat(0x110), fc.nat(4095)),
    size: fc.constantFrom(1, 2, 4),
    value: fc.option(fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 2, 0x8000, 0xc000, 0xffff_ffff))),
    via: fc.constantFrom('cf8' as const, 'ecam' as const),
  }),
  fc.record({
    do: fc.constant('io' as const),
    space: fc.constantFrom('port' as const, 'mem' as const),
    addr: fc.oneof(
      fc.integer({ min: 0xcf8, max: 0xcff }),
      fc.integer({ min: 0xfe18_0000, max: 0xfe18_3fff }),
      fc.integer({ min: 0xb001_0000, max: 0xb003_0fff }),
    ),
    size: fc.constantFrom(1, 2, 4, 8),
    value: fc.option(fc.nat(0xffff_ffff)),
  }),
  fc.record({
    do: fc.constantFrom('reset' as const, 'remove' as const, 'add' as const),
    devfn: fc.constantFrom(NIC, ODD),
  }),
);

describe('any device, any access, any release', () => {
  it('never throws, and the events alone rebuild the state under immer too', () => {
    const releases = fc.constantFrom('4.17', '4.18', '4.19', '4.20', '4.21', '4.22', '4.23');
    fc.assert(
      fc.property(releases, oddFunction, fc.array(step, { maxLength: 25 }), (xen, odd, steps) => {
        const bench = new BenchPvh({ xen }, pvhPc([odd]));
        const { env } = bench.engine;
        const events: TraceEvent[] = [];
        const start = structuredClone(bench.engine.state);
        for (const s of steps) {
          if (s.do === 'config') {
            const dir = s.value === null ? 'read' : 'write';
            events.push(...bench.config(dir, s.devfn, s.reg, s.size, s.value, { via: s.via }));
          } else if (s.do === 'io') {
            events.push(...bench.io(s.space, s.addr, s.size, s.value === null ? null : [s.value, s.value]));
          } else if (s.do === 'add') events.push(...bench.add(s.devfn));
          else if (s.do === 'remove')
            events.push(...bench.physdev('pci_device_remove', { seg: 0, bus: 0, devfn: s.devfn }));
          else
            events.push(
              ...bench.physdev('pci_device_reset', { dev: { seg: 0, bus: 0, devfn: s.devfn }, flags: 0 }),
            );
        }
        const rebuilt = produce(start, (draft) => {
          for (const event of events) evolve(draft, event, env);
        });
        expect(rebuilt.vpci).toEqual(bench.engine.state.vpci);
        for (const device of Object.values(bench.engine.state.vpci.devices)) {
          for (const [i, register] of device.registers.entries()) {
            const next = device.registers[i + 1];
            if (next !== undefined) expect(register.offset + register.size).toBeLessThanOrEqual(next.offset);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('a damaged record of a device still gives one', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('bars', 'msi', 'msix', 'header', 'registers'), fc.jsonValue()),
        (record) => {
          const device = readVpciDevice(record as never);
          expect(device.bars).toHaveLength(7);
          const world = initialWorld(new BenchPvh().engine.env);
          world.vpci.devices[NIC] = device;
          expect(world.vpci.devices[NIC].registers).toBeInstanceOf(Array);
        },
      ),
    );
  });
});
