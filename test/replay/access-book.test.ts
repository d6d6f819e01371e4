import { describe, expect, it } from 'vitest';
import { AccessBook } from '../../replay/explain/access-book.js';
import { Lines } from '../../replay/explain/lines.js';
import { limits } from '../../src/base/limits.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { emptyPlatform } from '../../src/platform/platform.js';

const completed = (request: number, value: number): TraceEvent =>
  ({
    seq: request + 1,
    kind: 'io.completed',
    data: { request, handledBy: 'server:0', value },
  }) as unknown as TraceEvent;

/** Two runs of `count` accesses; the second one answers otherwise where `differs` says so. */
function runs(count: number, differs: (access: number) => boolean): AccessBook {
  const book = new AccessBook(emptyPlatform, emptyPlatform);
  for (let access = 0; access < count; access++) {
    book.noteBefore(access, 'io.requested', completed(access, 1));
    book.noteAfter(access, 'io.requested', completed(access, differs(access) ? 2 : 1), (seq) => seq);
    book.settle();
  }
  return book;
}

describe('accesses that differ between two runs', () => {
  it('tells every one of a few', () => {
    const { accesses, changedAccesses } = runs(1_000, (access) => access % 100 === 7).changes();
    expect(accesses.map(({ seq }) => seq)).toEqual([7, 107, 207, 307, 407, 507, 607, 707, 807, 907]);
    expect(changedAccesses).toBe(10);
  });

  it('counts a hundred thousand and tells the first, all up to the last of them', () => {
    const { accesses, changedAccesses } = runs(200_000, (access) => access % 2 === 1).changes();
    expect(changedAccesses).toBe(100_000);
    expect(accesses).toHaveLength(limits.whatIfAccesses);
    expect(accesses.map(({ seq }) => seq)).toEqual(accesses.map((_, i) => 2 * i + 1));
  });

  it('finds a difference in what is only counted of one access', () => {
    const lines = (last: string): Lines => {
      const book = new Lines();
      for (let i = 0; i < 10_000; i++) book.add(`line ${i}`);
      book.add(last);
      return book;
    };
    expect(lines('a').text).not.toBe(lines('b').text);
    expect(lines('a').text).toBe(lines('a').text);
    expect(lines('a').text.length).toBeLessThan(2 * limits.whatIfCharacters);
    expect(lines('a').list.at(-1)).toMatch(/^and \d+ more$/);
  });
});
