import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Canonicaliser } from '../../replay/diff/canonical.js';
import type { Level } from '../../replay/diff/levels.js';
import type { DomainId, EventSeq, TraceNs } from '../../src/base/brand.js';
import { type KindName, kindNames, kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import { tellers } from '../../src/events/kind.js';
import { decidedBy } from '../../src/models/sources.js';
import { emptyPlatform } from '../../src/platform/platform.js';
import { defaultPolicies } from '../../src/policy/axes.js';
import { defaultSwitches } from '../../src/policy/switches.js';
import type { Env } from '../../src/state/env.js';
import { evolve, initialWorld, type World } from '../../src/state/world.js';
import { namesIn, sentence } from '../../src/tell/sentence.js';
import { anyDraft } from '../log/arbitrary-events.js';

const env: Env = {
  platform: emptyPlatform,
  policies: defaultPolicies,
  switches: defaultSwitches,
  behaviour: [],
};
const HARDWARE = 0 as DomainId;
const GUEST = 7 as DomainId;

/** A world with a hardware domain and a guest, each with a connection to XenStore. */
function twoDomains(): World {
  const world = initialWorld(env);
  const drafts = [HARDWARE, GUEST].flatMap((domid) => [
    {
      kind: 'domain.created',
      data: { domid, type: 'pv', privileged: false, hardware: domid === HARDWARE, target: null, name: '' },
    },
    { kind: 'xenstore.connected', data: { conn: `c${domid}`, domid } },
  ]);
  for (const [seq, draft] of drafts.entries()) {
    evolve(
      world,
      { seq, atNs: 0, origin: 'observed', by: 'x', cause: null, ...draft } as unknown as TraceEvent,
      env,
    );
  }
  return world;
}

/** An event as it would stand in a log, said to be of a domain where its kind can say so. */
function eventOf(kind: KindName, row: object, domid: DomainId): TraceEvent {
  const { whose, fields } = kindOf(kind);
  const name = whose ?? 'domid';
  const own =
    fields[name] === undefined ? {} : { [name]: fields[name].type.is === 'text' ? `c${domid}` : domid };
  const data = { ...row, ...own };
  return {
    seq: 9 as EventSeq,
    atNs: 0 as TraceNs,
    kind,
    origin: 'observed',
    by: 'x',
    cause: null,
    data,
  } as unknown as TraceEvent;
}

function counts(level: Level, events: readonly TraceEvent[]): boolean {
  const canonicaliser = new Canonicaliser(env, { level, ignore: new Set() }, twoDomains());
  return [...canonicaliser.tokens(events)].some(({ event }) => event === events.at(-1));
}

/** What ends or makes the domain anew says itself who it is of. */
const changesDomains = (kind: KindName): boolean =>
  /^(domain\.(created|built|destroyed|released)|system\.|owner\.|xenstore\.(dis)?connected|guest\.resumed|store\.)/.test(
    kind,
  );

describe('every kind', () => {
  it.each(kindNames)('%s counts at the levels of those who can tell it', (kind) => {
    const { told, whose, fields } = kindOf(kind);
    fc.assert(
      fc.property(anyDraft(kind), ({ data }) => {
        const event = eventOf(kind, data as object, GUEST);
        expect(counts('raw', [event])).toBe(true);
        expect(counts('semantic', [event])).toBe(true);
        expect(counts('hardware', [event])).toBe(told.includes('hardware'));
        if (changesDomains(kind)) return;
        expect(counts('guest', [event])).toBe(told.includes('guest'));
        if (fields[whose ?? 'domid'] === undefined) return;
        expect(counts('guest', [eventOf(kind, data as object, HARDWARE)])).toBe(false);
      }),
      { numRuns: 8 },
    );
  });

  it.each(kindNames)('%s reads as one line, whatever is in its fields', (kind) => {
    const { reads, fields } = kindOf(kind);
    const flags = [...reads.matchAll(/\{(\w+)\?/g)].map((match) => match[1]!);
    expect(flags.filter((name) => fields[name]?.type.is !== 'flag')).toEqual([]);
    fc.assert(
      fc.property(anyDraft(kind), ({ data }) => {
        const event = eventOf(kind, data as object, GUEST);
        const text = sentence(event, env.platform);
        expect(text).not.toBe('');
        for (const name of namesIn(reads)) {
          if (fields[name]!.type.is === 'text' && !fields[name]!.nullable)
            expect(text).toContain(
              String((event.data as never)[name])
                .replace(/ {2,}/g, ' ')
                .trim(),
            );
        }
        expect(text).not.toMatch(/undefined|\[object/);
      }),
      { numRuns: 4 },
    );
  });

  it('says who can tell it, once each', () => {
    for (const kind of kindNames) {
      const { told } = kindOf(kind);
      expect([kind, told.length > 0, new Set(told).size]).toEqual([kind, true, told.length]);
      expect(told.filter((one) => !tellers.includes(one))).toEqual([]);
    }
  });

  it('has, as an input, the rule that decides it and where that is written', () => {
    const inputs = kindNames.filter((kind) => kindOf(kind).role === 'input');
    for (const kind of inputs)
      expect([kind, kindOf(kind).decidedBy]).toEqual([kind, expect.stringMatching(/\S.{8,}/)]);
    expect(
      kindNames.filter((kind) => kindOf(kind).role === 'outcome' && kindOf(kind).decidedBy !== null),
    ).toEqual([]);
    expect(decidedBy(eventOf('store.lost', {}, GUEST))).toBe(kindOf('store.lost').decidedBy);
  });
});

/** Said here once more, by what the parts of a machine are wired to, and not by the table. */
describe('who can tell', () => {
  it.each([
    // A requester id, an entry of the IOMMU, a cell of memory.
    ['vtd.programmed', 'hardware'],
    ['vtd.faulted', 'hardware'],
    ['iommu.programmed', 'hardware'],
    ['iommu.faulted', 'hardware'],
    ['memory.reached', 'hardware guest'],
    ['dma.completed', 'hardware guest'],
    ['registers.reached', 'hardware guest'],
    ['function.lost-power', 'hardware'],
    ['lpi.reserved', 'hardware'],
    ['its.mapped', 'hardware'],
    // What is emulated ends inside: no wire outside the guest moves.
    ['registers.refused', 'guest'],
    ['io.completed', 'guest'],
    ['chipset.changed', 'guest'],
    ['link.routed', 'guest'],
    ['line.changed', 'guest'],
    ['event.injected', 'guest'],
    ['its.commanded', 'guest'],
    ['its.completed', 'guest'],
    ['message.forwarded', 'guest'],
    ['vpci.mapped', 'guest'],
    ['pciif.returned', 'guest'],
    ['aer.asked', 'guest'],
    // Between Xen and device models.
    ['ioreq.sent', 'inside'],
    ['ioreq.completed', 'inside'],
    ['vpci.interrupt', 'inside'],
    ['segment.created', 'inside'],
    // Books of Linux and of the toolstack.
    ['pciif.started', 'toolstack'],
    ['aer.raised', 'toolstack'],
    ['linux.enable-changed', 'toolstack'],
    ['toolstack.logged', 'toolstack'],
  ] as const)('%s: %s', (kind, told) => {
    expect(kindOf(kind).told.join(' ')).toBe(told);
  });

  it('is, of a request, whoever can tell its answer', () => {
    const pairs = [
      ['config.requested', 'config.completed'],
      ['hypercall.issued', 'hypercall.returned'],
      ['io.requested', 'io.completed'],
      ['registers.touched', 'registers.reached'],
      ['vector.read', 'vector.answered'],
      ['xenstore.requested', 'xenstore.answered'],
      ['pciif.submitted', 'pciif.returned'],
      ['its.commanded', 'its.completed'],
    ] as const;
    for (const [request, answer] of pairs)
      expect([request, kindOf(request).told]).toEqual([request, kindOf(answer).told]);
  });
});

describe('an answer that names no domain', () => {
  const at = (seq: number, kind: KindName, data: object, cause: number | null = null): TraceEvent =>
    ({ seq, atNs: 0, kind, origin: 'simulated', by: 'xen', cause, data }) as unknown as TraceEvent;

  it.each([
    [HARDWARE, false],
    [GUEST, true],
  ])('belongs to whoever asked: domain %d', (domid, told) => {
    const asked = at(4, 'hypercall.issued', { domid, hypercall: 'physdev_op', op: 'x', args: {} });
    expect(counts('guest', [asked, at(5, 'hypercall.returned', { ret: 0, out: null }, 4)])).toBe(told);
  });
});
