import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventLine } from '../../src/tell/present.js';
import { compileWhere } from '../../src/tell/where.js';

const line: EventLine = {
  seq: 18,
  atNs: 9000,
  kind: 'hypercall.issued',
  role: 'input',
  origin: 'simulated',
  by: 'd0',
  cause: null,
  data: {
    domid: 0,
    op: 'pci_device_add',
    args: { seg: 1, pci: { machine_sbdf: '0001:01:00.0' } },
    value: '0x1f',
    data: '0x40',
  },
};

describe('filters', () => {
  it.each([
    ['kind == hypercall.issued', true],
    ['kind == "hypercall.issued" && seq >= 18', true],
    ['seq < 18', false],
    ['op ~ device', true],
    ['data.args.seg == 1', true],
    ['args.pci.machine_sbdf == 0001:01:00.0', true],
    ['value == 31', true],
    ['data == 0x40', true],
    ['data.data == 0x40', true],
    ['value > 0x1e && value <= 0x1f', true],
    ['!cause', true],
    ['cause == null', true],
    ['domid', false],
    ['domid == 0', true],
    ['function == null', true],
    ['args.missing.deep', false],
    ['seq == 1 || (by == d0 && !(op == other))', true],
    ['by != d0', false],
    ['op == "two words"', false],
  ])('%s', (text, expected) => {
    expect(compileWhere(text)(line)).toBe(expected);
  });

  it.each([
    ['', 0],
    ['seq ==', 6],
    ['(seq == 1', 9],
    ['seq == 1 by == d0', 8],
    ['== 1', 0],
    ['a & b', 1],
  ])('names the place it cannot read: %s', (text, offsetBytes) => {
    expect(() => compileWhere(text)).toThrowError(expect.objectContaining({ code: 'WHERE-001' }));
    try {
      compileWhere(text);
    } catch (error) {
      expect((error as { detail: { at: unknown } }).detail.at).toEqual({ offsetBytes });
    }
  });

  it('reads any text or refuses it with its code, in bounded depth', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        try {
          compileWhere(text)(line);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^WHERE-00[123]$/) });
        }
      }),
    );
    expect(() => compileWhere(`${'!('.repeat(10_000)}seq${')'.repeat(10_000)}`)).toThrowError(/filter/);
  });
});
