import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CfgBase } from '../../src/base/brand.js';
import { kindNames, type TraceEvent } from '../../src/events/catalogue.js';
import type { RecordObject } from '../../src/events/field.js';
import { eventSchema } from '../../src/tell/json-schema.js';
import { parseEvent, presentEvent } from '../../src/tell/present.js';
import { anyDraft } from '../log/arbitrary-events.js';
import { sampleEvents } from '../log/sample.js';

const table = { bridges: [{ cfgBase: 0xa000_0000 as CfgBase }, { cfgBase: 0xb000_0000 as CfgBase }] };
const line = (event: TraceEvent) =>
  JSON.parse(JSON.stringify(presentEvent(event, table))) as Record<string, unknown>;

/** JSON has neither -0, NaN nor infinities; they do not occur in hypercall arguments. */
function plain(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : 0;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** A small hex text under an address name is read as the number it prints; only larger values are texts there. */
function hasHexText(value: unknown): boolean {
  if (typeof value === 'string') return /^-?0x[0-9a-f]+$/.test(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasHexText);
}

describe('an event as JSON', () => {
  it.each(kindNames)('is read back the same: %s', (kind) => {
    fc.assert(
      fc.property(anyDraft(kind), ({ back: _, ...draft }) => {
        fc.pre(!hasHexText(draft.data));
        const event = plain({ seq: 3, ...draft, cause: 1 }) as TraceEvent;
        deepStrictEqual(parseEvent(line(event), table), event);
      }),
      { numRuns: 50 },
    );
  });

  it('prints names, functions and registers as people write them', () => {
    const events = [...sampleEvents(40)].map((event) => line(event));
    expect(events[3]).toEqual({
      seq: 3,
      atNs: 1050,
      kind: 'config.completed',
      role: 'outcome',
      origin: 'simulated',
      by: 'xen',
      cause: 2,
      data: { value: '0x1', handledBy: 'hardware', function: '0xa0000000/00:00.0' },
    });
    expect(events[34]).toMatchObject({ data: { sbdf: '0000:00:02.0', reg: 4, size: 4, value: null } });
  });

  it('prints registers by offset in hex, and reads the numbers of older exports', () => {
    const saved = { 0: 0x10_1b36, 4: 0x10_0103, 60: 0x10b };
    const event = {
      seq: 3,
      atNs: 7,
      kind: 'linux.state-saved',
      origin: 'simulated',
      by: 'd0',
      cause: 1,
      data: { sbdf: 0x0100, saved },
    } as unknown as TraceEvent;
    const json = line(event);
    expect(json['data']).toEqual({
      sbdf: '0000:01:00.0',
      saved: { '0x0': '0x101b36', '0x4': '0x100103', '0x3c': '0x10b' },
    });
    expect(parseEvent(json, table)).toEqual(event);
    expect(parseEvent({ ...json, data: { sbdf: '0000:01:00.0', saved } }, table)).toEqual(event);
  });

  it('prints arguments that are addresses or data in hex, all others in decimal', () => {
    const args: RecordObject = {
      seg: 16,
      address: 4096,
      table_base: 32,
      flags: 3,
      msi: { data: [1, 255] },
      wide: '0x8000000000000000',
    };
    const event = {
      ...[...sampleEvents(1)][0]!,
      data: { domid: 0, hypercall: 'x', op: 'y', args },
    } as TraceEvent;
    expect(line(event)['data']).toMatchObject({
      args: {
        seg: 16,
        address: '0x1000',
        table_base: '0x20',
        flags: 3,
        msi: { data: ['0x1', '0xff'] },
        wide: '0x8000000000000000',
      },
    });
  });

  it.each([
    ['a text', 'junk', 'EVT-001', '$'],
    ['no kind', {}, 'EVT-002', 'kind'],
    ['an inherited kind', { kind: 'constructor' }, 'EVT-002', 'kind'],
    ['a cause that comes later', { cause: 3 }, 'EVT-004', 'cause'],
    ['another role', { role: 'input' }, 'EVT-004', 'role'],
    ['a negative time', { atNs: -1 }, 'EVT-004', 'atNs'],
    ['a missing field', { data: { value: null, handledBy: 'x' } }, 'EVT-004', 'data.function'],
    [
      'a field too many',
      { data: { value: null, handledBy: 'x', function: null, z: 1 } },
      'EVT-003',
      'data.z',
    ],
    [
      'null where nobody is no answer',
      { data: { value: null, handledBy: null, function: null } },
      'EVT-004',
      'data.handledBy',
    ],
    [
      'half a character',
      { data: { value: null, handledBy: '\ud800', function: null } },
      'EVT-004',
      'data.handledBy',
    ],
    ['33 bits', { data: { value: '0x100000000', handledBy: 'x', function: null } }, 'EVT-004', 'data.value'],
    [
      'a bridge that is not there',
      { data: { value: null, handledBy: 'x', function: '0xc0000000/00:00.0' } },
      'EVT-004',
      'data.function',
    ],
  ])('is refused with %s', (_name, change, code, path) => {
    const good = line([...sampleEvents(4)][3]!);
    const json =
      typeof change === 'string' ? change : Object.keys(change).length === 0 ? {} : { ...good, ...change };
    expect(() => parseEvent(json, table)).toThrow(
      expect.objectContaining({ code, detail: expect.objectContaining({ at: { path } }) }),
    );
  });
});

describe('the JSON schema', () => {
  it('has a case for every kind, with every field', () => {
    const schema = eventSchema();
    expect(Object.keys(schema['$defs'] as object)).toEqual(kindNames);
    expect(schema).toMatchObject({
      $defs: {
        'config.completed': {
          properties: {
            role: { const: 'outcome' },
            data: {
              required: ['value', 'handledBy', 'function'],
              properties: { value: { type: ['string', 'null'], pattern: '^0x[0-9a-f]+$' } },
            },
          },
        },
      },
    });
  });
});
