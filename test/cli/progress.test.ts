import { describe, expect, it } from 'vitest';
import { beQuiet, useConsole } from '../../src/cli/io.js';
import { Progress, progressLine } from '../../src/cli/progress.js';

describe('progress', () => {
  it.each<[number, number | null, number, string]>([
    [0, 1_000, 1, '0 events, 0/s'],
    [250_000, 1_000_000, 2, '250,000 events, 125,000/s, 25 %, 6 s left'],
    [1_000_000, 1_000_000, 2, '1,000,000 events, 500,000/s, 100 %, 0 s left'],
    [1_234, null, 1, '1,234 events, 1,234/s'],
  ])('after %i of %s in %i s says "%s"', (done, total, seconds, line) => {
    expect(progressLine(done, total, seconds)).toBe(line);
  });

  it.each([
    ['a terminal', true, false, true],
    ['a file', false, false, false],
    ['a terminal under --quiet', true, true, false],
  ])('on %s: talks %s', (_name, errIsTerminal, quiet, talks) => {
    let now = 0n;
    let said = '';
    const console = { out: () => {}, input: () => new Uint8Array(), outIsTerminal: false, errIsTerminal };
    useConsole({
      ...console,
      err: (text) => {
        said += text;
      },
    });
    if (quiet) beQuiet();
    const progress = new Progress({ now: () => now });
    const report = progress.part(1_000);
    report(100);
    expect(said).toBe('');
    now = 2_000_000_000n;
    report(500);
    expect(said.includes('500 events, 250/s, 50 %, 2 s left')).toBe(talks);
    progress.end();
    expect(said.endsWith('\r\u001b[K')).toBe(talks);
  });
});
