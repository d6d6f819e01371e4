import { beforeAll, describe, expect, it, vi } from 'vitest';
import { good, scratch, xpr } from './xpr.js';

/** A reader that loses the last event of every block, without a word. */
const planted = vi.hoisted(() => ({ loses: false }));

vi.mock('../../src/log/block-decode.js', async (original) => {
  const actual = await original<typeof import('../../src/log/block-decode.js')>();
  class LosingBlock extends actual.Block {
    override events(): ReturnType<InstanceType<typeof actual.Block>['events']> {
      const events = super.events();
      return planted.loses ? events.slice(0, -1) : events;
    }
  }
  return { ...actual, Block: LosingBlock };
});

const path = scratch();
const [trace, other] = [path('t.xpr'), path('u.xpr')];

beforeAll(async () => {
  await good(['record', 'two-bridges-swapped', '-o', trace]);
  await good(['record', 'two-bridges-swapped', '-o', other, '--seed', '2']);
}, 60_000);

const policy = ['--policy', 'segments.xen=told-by-dom0'];
/** Every verb that says something about a whole trace. */
const verbs: readonly (readonly [verb: string, args: readonly string[]])[] = [
  ['info', [trace]],
  ['replay', [trace]],
  ['findings', [trace]],
  ['check', [trace]],
  ['check --jobs', [trace, other, '--jobs', '1']],
  ['what-if', [trace, ...policy]],
  ['what-if -o', [trace, ...policy, '-o', path('w.xpr')]],
  ['what-if --releases', [trace, '--releases']],
  ['diff', [trace, other]],
  ['state', [trace]],
  ['export', [trace, '--to', 'ndjson', '-o', path('t.ndjson')]],
];

describe('a reader that loses events', () => {
  it('is not there unless it is planted', async () => {
    planted.loses = false;
    for (const [verb, args] of verbs)
      expect((await xpr([verb.split(' ')[0]!, ...args])).err).not.toMatch(/RUN-|BUG/);
  });

  it.each(verbs)('leaves %s without a verdict', async (verb, args) => {
    planted.loses = true;
    const { code, out, err } = await xpr([verb.split(' ')[0]!, ...args]);
    planted.loses = false;
    expect(`${out}${err}`).toMatch(/RUN-002: not all events were processed/);
    expect(code).toBe(2);
    expect(out).not.toMatch(/0 did not|[1-9] same|no finding|^the same/);
  });
});
