import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { checkCorpus, type Thread } from '../../replay/check/check-corpus.js';
import type { CheckedTrace } from '../../replay/check/check-trace.js';

const same = (file: string): CheckedTrace => ({
  file,
  status: 'same',
  events: 1,
  matching: 0,
  compared: 0,
  matched: 0,
  mismatched: 0,
  unmodelled: 0,
  firstDivergence: null,
  recovered: null,
  error: null,
});

/** A thread as `act` says: it is told the file and may answer, fail or end. */
function thread(act: (file: string, self: EventEmitter) => void): Thread {
  const self = new EventEmitter();
  const postMessage = (file: unknown): void => {
    queueMicrotask(() => act(file as string, self));
  };
  return Object.assign(self, { postMessage, terminate: () => Promise.resolve(1) }) as unknown as Thread;
}

const files = ['a', 'b', 'c', 'd'];
const check = async (act: (file: string, self: EventEmitter) => void) =>
  (await checkCorpus(files, 2, { where: null }, undefined, () => thread(act))).map(({ file, status }) => [
    file,
    status,
  ]);

describe('threads of a check', () => {
  it('answer for every file, in the order given', async () => {
    expect(await check((file, self) => self.emit('message', same(file)))).toEqual(
      files.map((file) => [file, 'same']),
    );
  });

  it.each([
    ['an exception', (self: EventEmitter) => self.emit('error', new Error('out of memory'))],
    ['an end', (self: EventEmitter) => self.emit('exit', 134)],
  ])('are trouble for the file at hand when they die of %s', async (_what, die) => {
    const results = await check((file, self) => {
      if (file === 'b') die(self);
      else self.emit('message', same(file));
    });
    expect(results).toEqual([
      ['a', 'same'],
      ['b', 'trouble'],
      ['c', 'same'],
      ['d', 'same'],
    ]);
  });

  it('are not believed about what they said last before they died', async () => {
    const results = await check((file, self) => {
      self.emit('message', same(file));
      self.emit('error', new Error('thrown later'));
    });
    expect(results).toEqual(files.map((file) => [file, 'trouble']));
  });

  it('are not believed about another file', async () => {
    const results = await check((file, self) => self.emit('message', same(file === 'c' ? 'a' : file)));
    expect(results[2]).toEqual(['c', 'trouble']);
  });
});
