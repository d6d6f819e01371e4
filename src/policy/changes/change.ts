import type { BehaviourName } from '../behaviours.js';
import { compareReleases, minorOf, newestOf } from '../releases.js';

/** One change of behaviour that came into a project with a release, and into its stable branches with others. */
export interface Change<Release extends string = string> {
  /** What is so from then on, and what was before. */
  readonly doc: string;
  /** The commit of the project's main branch, abbreviated; null where only releases were compared. */
  readonly commit: string | null;
  /** Where a reader finds it: file and function. */
  readonly where: string;
  /**
   * The first release of every branch that carries it, oldest first. Branches after the last one named carry it from
   * their first release on; branches before or between that are not named never do.
   */
  readonly first: readonly [Release, ...Release[]];
  /** How traces are decided that lack a behaviour: as if the change had come with another release, always, or never. */
  readonly before?: {
    readonly lacking: BehaviourName;
    readonly since: Release | 'always' | 'never';
  };
}

/** Whether a release carries a change: `4.19` stands for the newest release of its branch. @cost O(branches) */
export function carries(release: string, first: readonly string[]): boolean {
  const point = newestOf(release);
  const onBranch = first.find((one) => minorOf(one) === minorOf(point));
  const start = onBranch ?? first.at(-1);
  return start !== undefined && compareReleases(point, start) >= 0;
}
