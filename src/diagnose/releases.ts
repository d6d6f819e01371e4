import { compareReleases } from '../policy/releases.js';
import type { Evidence, Release } from './evidence.js';

/** The release a report names; null when it names none or several. */
export function releaseOf(evidence: Evidence, project: Release['project']): Release | null {
  const all = evidence.releases.filter((one) => one.project === project);
  return all.length === 1 ? all[0]! : null;
}

/** Whether the report's release comes before another; null when it is not known. */
export function isBefore(evidence: Evidence, project: Release['project'], release: string): boolean | null {
  const known = releaseOf(evidence, project);
  return known === null ? null : compareReleases(known.version, release) < 0;
}
