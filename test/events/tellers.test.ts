import { describe, expect, it } from 'vitest';
import { kindNames } from '../../src/events/catalogue.js';
import { tellersOf } from '../../src/events/tellers.js';

describe('who can tell that an event happened', () => {
  it('is said of every kind, once', () => {
    expect(kindNames.filter((kind) => tellersOf(kind).length === 0)).toEqual([]);
  });

  it.each([
    ['vtd.faulted', 'hardware'],
    ['memory.reached', 'hardware'],
    ['registers.reached', 'hardware'],
    ['function.lost-power', 'hardware'],
    ['line.changed', 'guest'],
    ['event.injected', 'guest'],
    ['pciif.returned', 'guest'],
    ['aer.asked', 'guest'],
    ['toolstack.logged', 'toolstack'],
    ['segment.created', 'inside'],
  ] as const)('%s: %s', (kind, teller) => {
    expect(tellersOf(kind)).toContain(teller);
  });
});
