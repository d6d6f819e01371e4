import { Trouble } from '../../src/base/errors.js';
import { kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import type { ReadonlyWorld } from '../../src/state/world.js';
import type { Askers } from './askers.js';

/**
 * How closely two traces are compared. `raw`: every event as it stands. `semantic`: what was meant, whatever things
 * are called and when it happened. `guest`: only what a guest could tell. `hardware`: only what reached the machine.
 */
export const levels = ['raw', 'semantic', 'guest', 'hardware'] as const;
export type Level = (typeof levels)[number];

/** @throws {Trouble} DIFF-001 */
export function parseLevel(text: string): Level {
  const level = levels.find((one) => one === text);
  if (level !== undefined) return level;
  throw new Trouble('DIFF-001', `no level ${text}`, { actual: text, expected: levels.join(', ') });
}

/** Whether an event counts at a level: who can tell is said beside its fields. The hardware domain is no guest. */
export function countsAt(level: Level, event: TraceEvent, state: ReadonlyWorld, askers: Askers): boolean {
  switch (level) {
    case 'raw':
    case 'semantic':
      return true;
    case 'hardware':
      return kindOf(event.kind).told.includes('hardware');
    case 'guest':
      return kindOf(event.kind).told.includes('guest') && isOfGuest(askers.domainOf(event), state);
  }
}

function isOfGuest(domid: number | 'nobody' | 'unknown', state: ReadonlyWorld): boolean {
  if (typeof domid !== 'number') return domid === 'unknown';
  return state.domains[domid]?.hardware !== true;
}
