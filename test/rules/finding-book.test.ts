import { describe, expect, it } from 'vitest';
import type { EventSeq } from '../../src/base/brand.js';
import { limits } from '../../src/base/limits.js';
import { functionId } from '../../src/pci/function-id.js';
import type { Bdf } from '../../src/pci/sbdf.js';
import { FindingBook } from '../../src/rules/finding-book.js';
import type { Finding } from '../../src/rules/rule.js';

const finding = (seq: number, of: Partial<Finding> = {}): Finding => ({
  rule: 'SEG-001',
  severity: 'error',
  seq: seq as EventSeq,
  message: 'wrong',
  function: functionId(0, 8 as Bdf),
  evidence: {},
  ...of,
});

describe('findings of a run', () => {
  it('keeps a few, in their order, and says there are no more', () => {
    const book = new FindingBook();
    for (let seq = 0; seq < 5; seq++) book.add(finding(seq));
    expect(book.kept.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4]);
    expect(book).toMatchObject({ count: 5, more: [] });
  });

  it('counts a million of the same and keeps the first hundred', () => {
    const book = new FindingBook();
    for (let seq = 0; seq < 1e6; seq++) book.add(finding(seq));
    expect(book.count).toBe(1e6);
    expect(book.kept).toHaveLength(limits.findingsAlike);
    expect(book.more).toEqual([
      {
        rule: 'SEG-001',
        severity: 'error',
        function: functionId(0, 8 as Bdf),
        count: 1e6 - limits.findingsAlike,
        lastSeq: 999_999,
      },
    ]);
  });

  it('keeps those about another function apart, up to a bound', () => {
    const book = new FindingBook();
    for (let seq = 0; seq < 60_000; seq++) {
      book.add(finding(seq, { function: functionId(seq >> 16, (seq & 0xffff) as Bdf) }));
    }
    const counted = book.more.reduce((sum, { count }) => sum + count, 0);
    expect(book.kept).toHaveLength(limits.findings);
    expect(book.kept.length + counted).toBe(60_000);
    expect(book.more.length).toBeLessThanOrEqual(limits.findings + 1);
  });

  it('keeps the first of a rule however much was found before', () => {
    const book = new FindingBook();
    for (let seq = 0; seq < 60_000; seq++) book.add(finding(seq, { function: functionId(0, seq as Bdf) }));
    book.add(finding(60_000, { rule: 'CFG-001' }));
    book.add(finding(60_001, { rule: 'CFG-001' }));
    expect(book.kept.filter(({ rule }) => rule === 'CFG-001')).toHaveLength(1);
    expect(book.more.find(({ rule }) => rule === 'CFG-001')).toMatchObject({ count: 1, lastSeq: 60_001 });
  });

  it('does not hold texts without end', () => {
    const book = new FindingBook();
    for (let seq = 0; seq < 90; seq++) {
      book.add(finding(seq, { evidence: { said: [{ text: String(seq).repeat(500_000) }] } }));
    }
    const characters = book.kept.reduce((sum, { evidence }) => sum + JSON.stringify(evidence).length, 0);
    expect(characters).toBeLessThan(limits.findingCharacters + 2_000_000);
    expect(book.kept.length + book.more[0]!.count).toBe(90);
  });
});
