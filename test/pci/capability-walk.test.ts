import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findExtended,
  findCapability as findNext,
  newBudget,
  nextCapability,
} from '../../src/models/xen/vpci/capability-walk.js';
import type { VpciPorts } from '../../src/models/xen/vpci/ports.js';
import { capabilities, extendedCapabilities } from '../../src/pci/capabilities.js';
import { findCapability, findExtendedCapability, type Read } from '../../src/pci/capability-walk.js';
import { type Walk, walkConventional, walkExtended } from '../../src/rules/known-capabilities.js';
import type { KnownFunction } from '../../src/rules/known-function.js';

/** Configuration space whose pointers mostly lead somewhere, with loops, all ones and low bits set. */
const config: fc.Arbitrary<Uint8Array> = fc
  .record({
    list: fc.boolean(),
    first: fc.nat({ max: 255 }),
    conventional: fc.uint8Array({ minLength: 192, maxLength: 192 }),
    links: fc.array(fc.tuple(fc.nat({ max: 47 }), fc.nat({ max: 255 }), fc.nat({ max: 255 })), {
      maxLength: 60,
    }),
    extended: fc.array(fc.tuple(fc.nat({ max: 959 }), fc.nat({ max: 0x1f }), fc.nat({ max: 0xfff })), {
      maxLength: 40,
    }),
    sparse: fc.boolean(),
  })
  .map(({ list, first, conventional, links, extended, sparse }) => {
    const bytes = new Uint8Array(4096);
    const view = new DataView(bytes.buffer);
    bytes[0x06] = list ? 0x10 : 0;
    bytes[0x34] = first;
    if (!sparse) bytes.set(conventional, 0x40);
    for (const [place, id, next] of links) bytes.set([id, next], 0x40 + 4 * place);
    for (const [place, id, next] of extended)
      view.setUint32(0x100 + 4 * place, ((next << 20) | 0x1_0000 | id) >>> 0, true);
    return bytes;
  });

const reader =
  (bytes: Uint8Array, reads: string[]): Read =>
  (reg, size) => {
    reads.push(`${reg}/${size}`);
    let value = 0;
    for (let i = 0; i < size; i++) value += (bytes[reg + i] ?? 0) * 2 ** (8 * i);
    return value;
  };

/** Loops written out, one for each reader, to hold the one walk against: what they find and what they read for it. */
const written = {
  words(read: Read, id: number): number {
    if ((read(0x06, 2) & 0x10) === 0) return 0;
    let at = read(0x34, 1) & ~3;
    for (let step = 0; step < 48 && at >= 0x40; step++) {
      const header = read(at, 2);
      if ((header & 0xff) === 0xff) return 0;
      if ((header & 0xff) === id) return at;
      at = (header >>> 8) & ~3;
    }
    return 0;
  },
  extended(read: Read, id: number, most: number): number {
    let at = 0x100;
    for (let step = 0; step < most && at >= 0x100; step++) {
      const header = read(at, 4);
      if (header === 0 || header === 0xffff_ffff) return 0;
      if ((header & 0xffff) === id) return at;
      at = (header >>> 20) & ~3;
    }
    return 0;
  },
  bytes(read: Read, pointer: number, ids: readonly number[] | null, budget: { steps: number }): number {
    let at = pointer;
    while (budget.steps > 0) {
      budget.steps--;
      const position = read(at, 1);
      if (position < 0x40) break;
      const id = read(position & ~3, 1);
      if (id === 0xff) break;
      if (ids === null || ids.includes(id)) return position;
      at = (position & ~3) + 1;
    }
    return 0;
  },
  bytesExtended(read: Read, id: number): number {
    let at = 0x100;
    let header = read(at, 4);
    if (header === 0 || header === 0xffff_ffff) return 0;
    for (let step = 0; step < 480; step++) {
      if ((header & 0xffff) === id) return at;
      at = (header >>> 20) & 0xffc;
      if (at < 0x100) break;
      header = read(at, 4);
    }
    return 0;
  },
};

type Found = { readonly value: unknown; readonly reads: readonly string[] };
function watched(bytes: Uint8Array, walk: (read: Read) => unknown): Found {
  const reads: string[] = [];
  return { value: walk(reader(bytes, reads)), reads };
}
const portsOf = (read: Read): VpciPorts =>
  ({ hwRead: read, hasExtendedConfig: true }) as unknown as VpciPorts;
const id = fc.oneof(fc.constantFrom(0x01, 0x05, 0x10, 0x11), fc.nat({ max: 255 }));

describe('the one walk finds, and reads, what a loop of its reader would', () => {
  it('word by word', () => {
    fc.assert(
      fc.property(config, id, (bytes, wanted) => {
        expect(watched(bytes, (read) => findCapability(read, wanted))).toEqual(
          watched(bytes, (read) => written.words(read, wanted)),
        );
      }),
    );
  });

  it.each([480, 960])('over extended capabilities, %d at most', (most) => {
    fc.assert(
      fc.property(config, id, (bytes, wanted) => {
        expect(watched(bytes, (read) => findExtendedCapability(read, wanted, most))).toEqual(
          watched(bytes, (read) => written.extended(read, wanted, most)),
        );
      }),
    );
  });

  it('byte by byte, with steps that run out', () => {
    fc.assert(
      fc.property(
        config,
        fc.option(fc.array(id, { maxLength: 4 })),
        fc.nat({ max: 60 }),
        (bytes, ids, steps) => {
          const walk = (from: (read: Read, budget: { steps: number }) => number) => (read: Read) => {
            const budget = { steps };
            return [from(read, budget), budget.steps];
          };
          expect(
            watched(
              bytes,
              walk((read, budget) => nextCapability(portsOf(read), 0x34, ids, budget)),
            ),
          ).toEqual(
            watched(
              bytes,
              walk((read, budget) => written.bytes(read, 0x34, ids, budget)),
            ),
          );
        },
      ),
    );
  });

  it('as vPCI does', () => {
    fc.assert(
      fc.property(config, id, (bytes, wanted) => {
        expect(watched(bytes, (read) => findNext(portsOf(read), wanted))).toEqual(
          watched(bytes, (read) =>
            (read(0x06, 2) & 0x10) === 0 ? 0 : written.bytes(read, 0x34, [wanted], newBudget()) & ~3,
          ),
        );
        expect(watched(bytes, (read) => findExtended(portsOf(read), wanted))).toEqual(
          watched(bytes, (read) => written.bytesExtended(read, wanted)),
        );
      }),
    );
  });
});

describe('a list that leads back to itself', () => {
  const bytes = new Uint8Array(4096);
  bytes.set([0x10], 0x06);
  bytes.set([0x40], 0x34);
  bytes.set([0x09, 0x44], 0x40);
  bytes.set([0x09, 0x40], 0x44);
  new DataView(bytes.buffer).setUint32(0x100, 0x1001_000b, true);
  const known: KnownFunction = { byte: (at: number) => bytes[at]! } as unknown as KnownFunction;

  it('ends every walk', () => {
    const read = reader(bytes, []);
    expect([findCapability(read, 0x05), findExtendedCapability(read, 0x05)]).toEqual([0, 0]);
    expect(capabilities(bytes).fault).toEqual({ kind: 'loop', offsetBytes: 0x40 });
    expect(extendedCapabilities(bytes).fault).toEqual({ kind: 'loop', offsetBytes: 0x100 });
    const loop = (walk: Walk) => [walk.fault?.kind, walk.complete, walk.entries.length];
    expect(loop(walkConventional(known))).toEqual(['loop', true, 2]);
    expect(loop(walkExtended(known))).toEqual(['loop', true, 1]);
  });
});
