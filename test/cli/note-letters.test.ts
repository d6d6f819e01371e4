import { expect, it } from 'vitest';
import { noteLetter } from '../../src/cli/life-cycle-table.js';

it('marks each note with letters and digits of its own, however many there are', () => {
  const marks = Array.from({ length: 200 }, (_, n) => noteLetter(n));
  expect(new Set(marks).size).toBe(200);
  expect(marks.filter((mark) => !/^[a-zA-Z]\d*$/.test(mark))).toEqual([]);
  expect([0, 25, 26, 51, 52, 104].map(noteLetter)).toEqual(['a', 'z', 'A', 'Z', 'a2', 'a3']);
});
