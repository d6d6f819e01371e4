import { produce } from 'immer';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { kindNames, type TraceEvent } from '../../src/events/catalogue.js';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { packDocument, unpackDocument } from '../../src/log/msgpack.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { defaultPolicies } from '../../src/policy/axes.js';
import { currentBehaviour } from '../../src/policy/behaviours.js';
import { defaultSwitches } from '../../src/policy/switches.js';
import type { Env } from '../../src/state/env.js';
import { evolve, initialWorld, type World } from '../../src/state/world.js';
import { nonsense } from './nonsense.js';

const env: Env = {
  platform: platformFromDtb(twoBridgesDtb()),
  policies: defaultPolicies,
  switches: defaultSwitches,
  behaviour: currentBehaviour,
};

/** `XPR_NONSENSE=100000` makes it the long run. */
const events = Number(process.env['XPR_NONSENSE'] ?? 20_000);
/** Events of one world: enough for them to meet one another, few enough for it to stay small. */
const EVENTS_PER_WORLD = 400;

/** Where a value is no plain data or does not survive being stored; null when all of it does. */
function unstorable(value: unknown, path: string): string | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return null;
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${path} is ${value}`;
  if (typeof value !== 'object') return `${path} is a ${typeof value}`;
  const entries = Object.entries(value);
  if (Array.isArray(value) && entries.length !== value.length) return `${path} has holes or names`;
  for (const [name, one] of entries) {
    const bad = unstorable(one, `${path}.${name.slice(0, 40)}`);
    if (bad !== null) return bad;
  }
  return null;
}

function story(seed: number): TraceEvent[] {
  const prng = new Prng(seed);
  return Array.from({ length: EVENTS_PER_WORLD }, (_, seq) => nonsense(prng, seq));
}

function fold(world: World, story: readonly TraceEvent[]): World {
  for (const event of story) {
    try {
      evolve(world, event, env);
    } catch (error) {
      throw new Error(`${event.kind} ${JSON.stringify(event.data).slice(0, 400)}`, { cause: error });
    }
  }
  return world;
}

describe('reducers', () => {
  it('take well-formed nonsense of every kind', { timeout: 600_000 }, () => {
    const met = new Set<string>();
    for (let seed = 1; seed * EVENTS_PER_WORLD <= events; seed++) {
      const told = story(seed);
      const world = fold(initialWorld(env), told);
      for (const { kind } of told) met.add(kind);
      expect(unstorable(world, `seed ${seed}`)).toBeNull();
    }
    expect(kindNames.filter((kind) => !met.has(kind))).toEqual([]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('go on from a stored state as from their own', () => {
    for (let seed = 1_000; seed < 1_005; seed++) {
      const told = story(seed);
      const half = fold(initialWorld(env), told.slice(0, EVENTS_PER_WORLD / 2));
      const stored = unpackDocument(packDocument(half), 'maps') as World;
      const rest = told.slice(EVENTS_PER_WORLD / 2);
      expect(JSON.stringify(fold(stored, rest))).toBe(JSON.stringify(fold(half, rest)));
    }
  });

  it('do the same to a draft as to plain state', () => {
    for (let seed = 2_000; seed < 2_005; seed++) {
      const told = story(seed);
      const drafted = produce(initialWorld(env), (draft) => {
        fold(draft as World, told);
      });
      expect(JSON.stringify(drafted)).toBe(JSON.stringify(fold(initialWorld(env), told)));
    }
  });
});

describe('a store', () => {
  const changed = (conn: string, path: string, tx = 0): TraceEvent =>
    ({
      seq: 0,
      atNs: 0,
      kind: 'xenstore.changed',
      origin: 'observed',
      by: 'xenstored',
      cause: null,
      data: { conn, tx, path, value: '1', perms: 'n0' },
    }) as unknown as TraceEvent;

  it.each<[string, string]>([
    ['without a slash', 'x'],
    ['constructor', 'constructor'],
    ['__proto__', '__proto__'],
    ['without a name', ''],
    ['of a special watch', '@introduceDomain'],
    ['far too deep', `/${'a/'.repeat(2_000)}b`],
  ])('has no node %s', (_name, path) => {
    const world = fold(initialWorld(env), [changed('k0', path)]);
    expect(world.xenstore).toEqual(initialWorld(env).xenstore);
  });

  it.each(['constructor', '__proto__', 'toString'])('knows no connection %s that nobody made', (conn) => {
    const world = fold(initialWorld(env), [changed(conn, '/x', 1)]);
    expect(world.xenstore).toEqual(initialWorld(env).xenstore);
  });

  it('keeps a node as deep as a path can be', () => {
    const path = `/${'a/'.repeat(1_535)}b`;
    const world = fold(initialWorld(env), [changed('k0', path)]);
    expect(world.xenstore.nodes[path]?.value).toBe('1');
    const gone = { ...changed('k0', '/a'), data: { conn: 'k0', tx: 0, path: '/a', value: null, perms: '' } };
    fold(world, [gone as unknown as TraceEvent]);
    expect(world.xenstore.nodes['/']?.children).toEqual(['tool']);
    expect(Object.keys(world.xenstore.nodes)).toHaveLength(3);
  });
});
