import { catalogue } from '../events/catalogue.js';
import { digestText, sha256 } from '../log/digest.js';
import type { Env } from './env.js';
import { initialWorld, type World } from './world.js';

/** A state as snapshots keep it: with a digest of the shape that whoever folded it knew. */
export interface StoredWorld {
  readonly shape: string;
  readonly world: World;
}

export function storedWorld(world: World, env: Env): StoredWorld {
  return { shape: stateShape(env), world };
}

/** The state in a snapshot, the caller's own; null when it is not of the shape that this program folds. */
export function worldOf(stored: unknown, env: Env): World | null {
  if (!isObject(stored) || stored['shape'] !== stateShape(env) || !isObject(stored['world'])) return null;
  const world = stored['world'];
  const subjects = Object.entries(initialWorld(env));
  const isWhole =
    Object.keys(world).length === subjects.length &&
    subjects.every(([name, subject]) => sortOf(world[name]) === sortOf(subject));
  return isWhole ? (world as unknown as World) : null;
}

/**
 * SHA-256 over the subjects of the state with their entries as they begin, and over all kinds and fields of events. Two
 * builds of one release that know different subjects or events differ in it.
 */
function stateShape(env: Env): string {
  const kinds = Object.entries(catalogue).map(([kind, { fields }]) => [
    kind,
    Object.entries(fields).map(([name, field]) => [name, field.type.is, field.nullable]),
  ]);
  const text = JSON.stringify([shapeOf(initialWorld(env)), kinds]);
  return digestText(sha256(new TextEncoder().encode(text)));
}

function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (!isObject(value)) return sortOf(value);
  return Object.entries(value).map(([name, entry]) => [name, shapeOf(entry)]);
}

const sortOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
