/**
 * What runs anywhere, also in a page under a content security policy without `unsafe-eval`: traces in memory are read,
 * replayed, judged and compared.
 */

export type { DiffResult, FirstDivergence } from '../../replay/diff/diff.js';
export type { Level } from '../../replay/diff/levels.js';
export type { Island } from '../../replay/diff/side.js';
export type { AccessChange } from '../../replay/explain/access-book.js';
export type { Divergence, ReplayResult } from '../../replay/run/replayer.js';
export type { Change, WhatIf } from '../../replay/run/what-if.js';
export { Trouble, type TroubleDetail, type TroubleDocument } from '../base/errors.js';
export { release } from '../base/release.js';
export type { DataOf, EventOf, KindName, Origin, TraceEvent } from '../events/catalogue.js';
export type { Provenance, TraceHeader } from '../log/header.js';
export type { TraceSource } from '../log/stores/store.js';
export type { Platform } from '../platform/platform.js';
export type { Findings, FindingsAlike } from '../rules/finding-book.js';
export type { Finding, Severity } from '../rules/rule.js';
export type { Env } from '../state/env.js';
export type { ReadonlyWorld } from '../state/world.js';
export type { EventLine, Json } from '../tell/present.js';
export { openBytes } from './open-bytes.js';
export {
  type Choices,
  type DiffChoices,
  diff,
  type FindingsChoices,
  findings,
  type ReplayChoices,
  replay,
  whatIf,
} from './runs.js';
export { Trace, type Wanted } from './trace.js';
