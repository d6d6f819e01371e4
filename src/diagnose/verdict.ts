import type { Severity } from '../messages/message.js';
import type { Evidence, Place, Sighting } from './evidence.js';

/** Something that went wrong, why, and what to do; every sentence rests on `lines`. */
export interface Verdict {
  /** In one spelling, `ssss:bb:dd.f`; null when it is about no device. */
  readonly device: string | null;
  readonly severity: Severity;
  readonly what: string;
  readonly why: string;
  /** Rule of `xpr rules` that finds the same in a trace. */
  readonly rule: string | null;
  readonly cure: string | null;
  /** Releases that behave so or that mend it, as `xen before 4.18`. */
  readonly releases: readonly string[];
  /** The cause is not known for certain; `needed` would settle it. */
  readonly isOpen: boolean;
  /** Artefacts that would settle what is open. */
  readonly needed: readonly string[];
  readonly lines: readonly Place[];
}

/** A verdict and the sightings it explains, which then need no verdict of their own. */
export interface Explained {
  readonly verdict: Verdict;
  readonly explains: readonly Sighting[];
}

/** Looks for one kind of cause. */
export type Cause = (evidence: Evidence) => readonly Explained[];

/** A verdict with the parts that most have none of left out. */
export function explained(
  parts: Pick<Verdict, 'device' | 'what' | 'why' | 'lines'> & Partial<Verdict>,
  explains: readonly Sighting[] = [],
): Explained {
  const verdict: Verdict = {
    severity: 'error',
    rule: null,
    cure: null,
    releases: [],
    isOpen: false,
    needed: [],
    ...parts,
  };
  return { verdict, explains };
}

/** Everything of one device together, in the order of the report. */
export function byDevice<T extends { readonly device: string | null }>(
  all: readonly T[],
): Map<string | null, T[]> {
  const groups = new Map<string | null, T[]>();
  for (const one of all) groups.set(one.device, [...(groups.get(one.device) ?? []), one]);
  return groups;
}
