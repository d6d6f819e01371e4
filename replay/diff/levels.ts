import { Trouble } from '../../src/base/errors.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { kindsToldBy } from '../../src/events/tellers.js';
import type { ReadonlyWorld } from '../../src/state/world.js';

/**
 * How closely two traces are compared. `raw`: every event as it stands. `semantic`: what was meant, whatever things
 * are called and when it happened. `guest`: only what a guest could tell. `hardware`: only what reached the machine.
 */
const levels = ['raw', 'semantic', 'guest', 'hardware'] as const;
export type Level = (typeof levels)[number];

/** @throws {Trouble} DIFF-001 */
export function parseLevel(text: string): Level {
  const level = levels.find((one) => one === text);
  if (level !== undefined) return level;
  throw new Trouble('DIFF-001', `no level ${text}`, { actual: text, expected: levels.join(', ') });
}

const hardwareKinds = kindsToldBy('hardware');
const guestKinds = kindsToldBy('guest');

/** Whether an event counts at a level. Requests count as their answers do, so that an answer keeps its question. */
export function countsAt(level: Level, event: TraceEvent, state: ReadonlyWorld): boolean {
  switch (level) {
    case 'raw':
    case 'semantic':
      return true;
    case 'hardware':
      return hardwareKinds.has(event.kind);
    case 'guest':
      return guestKinds.has(event.kind) && !isOfHardwareDomain(event, state);
  }
}

function isOfHardwareDomain(event: TraceEvent, state: ReadonlyWorld): boolean {
  const domid = (event.data as { readonly domid?: number | null }).domid;
  return typeof domid === 'number' && state.domains[domid]?.hardware === true;
}
