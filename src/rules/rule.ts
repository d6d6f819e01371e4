import type { EventSeq } from '../base/brand.js';
import type { EventOf, KindName } from '../events/catalogue.js';
import type { RecordObject } from '../events/field.js';
import type { FunctionId } from '../pci/function-id.js';
import type { Dom0Sbdf, XenSbdf } from '../pci/sbdf.js';
import type { Env } from '../state/env.js';
import type { ReadonlyWorld } from '../state/world.js';
import type { Shared } from './shared.js';

export type Severity = 'error' | 'warning' | 'info';

/** What a rule says about one event; the rule's code, severity and the event's place are added by the caller. */
export interface Report {
  readonly message: string;
  /** The function concerned, the one that was meant where two are. */
  readonly function: FunctionId | null;
  readonly xenName?: XenSbdf | null;
  readonly dom0Name?: Dom0Sbdf | null;
  /** Values that prove it; numbers are printed by their names like record fields. */
  readonly evidence: RecordObject;
}

export interface Finding extends Report {
  readonly rule: string;
  readonly severity: Severity;
  readonly seq: EventSeq;
}

/** What a watcher may look at when an event arrives: the world with that event already folded in. */
export interface Watching {
  readonly env: Env;
  readonly state: ReadonlyWorld;
  /** `server 1 (dm:qemu)`; `nobody` for negative ids. */
  serverName(domid: number, server: number): string;
  report(finding: Report): void;
}

/** Checks of one rule by event kind. Memory of its own belongs into the closure `watch` makes. */
export type Watcher = {
  readonly [K in KindName]?: (event: EventOf<K>, watching: Watching) => void;
};

/** A rule over traces; `docs/rules/<code>.md` explains it to users. */
export interface Rule {
  /** Stable: family and number, as `SEG-001`. */
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  /** One sentence: what is wrong and what comes of it. */
  readonly doc: string;
  /** @param shared What this judge's rules hold together. */
  watch(env: Env, shared: Shared): Watcher;
}
