import { describe, expect, it } from 'vitest';
import { classes } from './classes.js';
import { judged } from './command.js';
import { traces } from './corpus.js';
import { framesOf, traceOf } from './frames.js';
import { readToken, seedOf, tokenText } from './token.js';
import { tryOnce } from './try.js';
import { failed } from './verdict.js';

/** Tries in `npm test`; kills and choices take seconds each and have tests of their own. */
const tries: Readonly<Record<string, number>> = { kills: 0, choices: 2, nonsense: 12, imports: 30 };

describe('the campaign', () => {
  it.each(classes.filter(({ name }) => tries[name] !== 0))(
    'is survived: $name',
    async ({ name, prepare }) => {
      const attempt = prepare();
      for (let n = 0; n < (tries[name] ?? 25); n++) {
        const token = { name, seed: 20_261, n };
        const verdict = await tryOnce(attempt, token);
        expect(verdict, tokenText(token)).toMatchObject({ survived: true });
      }
    },
    120_000,
  );

  it('draws the same numbers for the same token and others for others', () => {
    const token = { name: 'bits', seed: 7, n: 3 };
    expect(seedOf(token)).toBe(seedOf({ ...token }));
    expect(seedOf(token)).not.toBe(seedOf({ ...token, n: 4 }));
    expect(readToken(tokenText(token))).toEqual(token);
    expect(readToken('bits:x:3')).toBeNull();
  });

  it.each([
    ['a crash without a code', { code: 2, out: '', err: 'xpr: BUG: TypeError: x is not a function' }],
    ['an exit code that is none of the contract', { code: 134, out: '', err: '' }],
    ['trouble without a code', { code: 2, out: '', err: 'oops' }],
    ['bytes that move the terminal', { code: 0, out: 'a\u001b[2J', err: '' }],
  ])('calls %s a failure', (_what, ran) => {
    expect(judged(['show', 'x.xpr'], ran).survived).toBe(false);
  });

  it('calls a thrown error a failure and keeps the files', async () => {
    const verdict = await tryOnce(() => failed('planted'), { name: 'bits', seed: 1, n: 1 });
    expect(verdict).toMatchObject({ survived: false, why: expect.stringContaining('planted (files in ') });
  });

  it('takes a trace apart and puts it together', () => {
    const { bytes } = traces()[0]!;
    expect(framesOf(traceOf(framesOf(bytes)))).toEqual(framesOf(bytes));
  });
});
