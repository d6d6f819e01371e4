import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kindNames, type TraceEvent } from '../../src/events/catalogue.js';
import { Block } from '../../src/log/block-decode.js';
import { BlockEncoder } from '../../src/log/block-encode.js';
import { anyDraft, anyEvents } from './arbitrary-events.js';

function roundTrip(events: readonly TraceEvent[]): TraceEvent[] {
  return new Block(new BlockEncoder().encode(events).document).events();
}

describe('a block', () => {
  it.each(kindNames)('gives back every %s as it was', (kind) => {
    fc.assert(
      fc.property(fc.array(anyDraft(kind), { minLength: 1, maxLength: 40 }), (drafts) => {
        const events = drafts.map(
          ({ back, ...rest }, seq) =>
            ({
              seq,
              ...rest,
              cause: back === null || back >= seq ? null : seq - 1 - back,
            }) as unknown as TraceEvent,
        );
        deepStrictEqual(roundTrip(events), events);
      }),
      { numRuns: 60 },
    );
  });

  it('gives back any mixture of kinds as it was', () => {
    fc.assert(
      fc.property(
        anyEvents({ maxLength: 60 }).filter((events) => events.length > 0),
        (events) => {
          deepStrictEqual(roundTrip(events), events);
        },
      ),
    );
  });

  it('says the same about itself before and after', () => {
    fc.assert(
      fc.property(
        anyEvents({ maxLength: 60 }).filter((events) => events.length > 0),
        (events) => {
          const { document, summary } = new BlockEncoder().encode(events);
          expect(new Block(document).summary()).toStrictEqual(summary);
        },
      ),
    );
  });

  it('is the same bytes for the same events, whatever was encoded before', () => {
    fc.assert(
      fc.property(
        anyEvents({ maxLength: 30 }).filter((events) => events.length > 0),
        (events) => {
          const encoder = new BlockEncoder();
          const first = encoder.encode(events).document;
          expect(encoder.encode(structuredClone(events)).document).toStrictEqual(first);
        },
      ),
    );
  });
});
