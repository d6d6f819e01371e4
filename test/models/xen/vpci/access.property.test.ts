import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergedRead, mergedWrite } from '../../../../src/models/xen/vpci/access.js';
import {
  addRegister,
  findRegister,
  type RegisterRule,
  removeRegisters,
} from '../../../../src/models/xen/vpci/handlers.js';

interface Stored extends RegisterRule {
  store: number;
}

const SPAN = 24;

/** Every bit gets one of five roles, so that masks are disjoint by construction. */
const rule: fc.Arbitrary<Stored> = fc
  .record({
    size: fc.constantFrom(1, 2, 4),
    slot: fc.nat(SPAN - 1),
    roles: fc.array(fc.nat(7), { minLength: 32, maxLength: 32 }),
    store: fc.nat(0xffff_ffff),
  })
  .map(({ size, slot, roles, store }) => {
    const width = 8 * size;
    const bits = (role: number): number =>
      roles.reduce((mask, r, i) => (r === role && i < width ? mask + 2 ** i : mask), 0);
    return {
      offset: slot - (slot % size),
      size,
      store: store % 2 ** width,
      ro: bits(0),
      rw1c: bits(1),
      rsvdp: bits(2),
      rsvdz: bits(3),
    };
  });

const access = fc.record({
  write: fc.boolean(),
  size: fc.constantFrom(1, 2, 4),
  reg: fc.nat(SPAN - 4),
  data: fc.nat(0xffff_ffff),
});

/** Bytes of hardware below, and every call made to it. */
const hardware = (bytes: number[]) => ({
  read: (reg: number, size: number): number => {
    let value = 0;
    for (let i = 0; i < size; i++) value += bytes[reg + i]! * 2 ** (8 * i);
    return value;
  },
  write: (reg: number, size: number, value: number): void => {
    for (let i = 0; i < size; i++) bytes[reg + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
  },
});

function buildList(rules: readonly Stored[]): Stored[] {
  const list: Stored[] = [];
  for (const candidate of rules) addRegister(list, { ...candidate });
  return list;
}

const byteOf = (value: number, i: number): number => Math.floor(value / 2 ** (8 * i)) & 0xff;

describe('merged accesses against a per-byte restatement', () => {
  it('reads: every byte is its register’s with the reserved bits out, or hardware’s', () => {
    fc.assert(
      fc.property(
        fc.array(rule),
        fc.array(fc.nat(255), { minLength: SPAN, maxLength: SPAN }),
        access,
        (rules, bytes, { reg, size }) => {
          const list = buildList(rules);
          const value = mergedRead(list, reg, size, hardware(bytes).read, ({ store }) => store);
          for (let i = 0; i < size; i++) {
            const at = reg + i;
            const owner = list.find((r) => at >= r.offset && at < r.offset + r.size);
            const expected =
              owner === undefined
                ? bytes[at]!
                : byteOf(owner.store, at - owner.offset) &
                  ~byteOf((owner.rsvdp | owner.rsvdz) >>> 0, at - owner.offset);
            expect(byteOf(value, i)).toBe(expected);
          }
        },
      ),
    );
  });

  it('writes: every bit ends as its role says', () => {
    fc.assert(
      fc.property(fc.array(rule), fc.array(access, { maxLength: 8 }), (rules, accesses) => {
        const list = buildList(rules);
        const bytes = Array.from({ length: SPAN }, (_, i) => i);
        for (const { reg, size, data } of accesses) {
          const before = list.map(({ store }) => store);
          const bytesBefore = [...bytes];
          mergedWrite(
            list,
            reg,
            size,
            data,
            hardware(bytes).write,
            ({ store }) => store,
            (target, written) => {
              // A register that stores plainly but clears what is written as 1.
              const cleared = written & target.rw1c;
              target.store = ((written & ~target.rw1c) | (target.store & target.rw1c & ~cleared)) >>> 0;
            },
          );
          for (const [index, r] of list.entries()) {
            const isTouched = reg < r.offset + r.size && r.offset < reg + size;
            for (let bit = 0; bit < 8 * r.size; bit++) {
              const old = Math.floor(before[index]! / 2 ** bit) % 2;
              const at = r.offset + (bit >> 3);
              const isWritten = at >= reg && at < reg + size;
              const data1 = isWritten ? (byteOf(data, at - reg) >> (bit & 7)) & 1 : 0;
              const has = (mask: number): boolean => ((mask >>> bit) & 1) === 1;
              let expected = isWritten ? data1 : old;
              if (has(r.ro) || has(r.rsvdp)) expected = old;
              else if (has(r.rw1c)) expected = isWritten && data1 === 1 ? 0 : old;
              else if (has(r.rsvdz)) expected = isTouched ? 0 : old;
              expect(Math.floor(r.store / 2 ** bit) % 2).toBe(expected);
            }
          }
          for (let at = 0; at < SPAN; at++) {
            const isCovered = list.some((r) => at >= r.offset && at < r.offset + r.size);
            const isWritten = at >= reg && at < reg + size;
            expect(bytes[at]).toBe(isWritten && !isCovered ? byteOf(data, at - reg) : bytesBefore[at]);
          }
        }
      }),
    );
  });

  it('the list stays sorted and free of overlaps, and removal leaves nothing inside the range', () => {
    fc.assert(
      fc.property(fc.array(rule), fc.nat(SPAN), fc.nat(8), (rules, start, length) => {
        const list = buildList(rules);
        for (const [i, r] of list.entries()) {
          const next = list[i + 1];
          if (next !== undefined) expect(r.offset + r.size).toBeLessThanOrEqual(next.offset);
          expect(findRegister(list, r.offset, r.size)).toBe(r);
        }
        const ret = removeRegisters(list, start, length);
        const inside = list.filter((r) => r.offset >= start && r.offset + r.size <= start + length);
        if (ret === 0) expect(inside).toEqual([]);
      }),
    );
  });
});
