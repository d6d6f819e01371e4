import type { TraceEvent } from '../../src/events/catalogue.js';
import { type ChangeName, changeNames, changeOf, hasChange, type Project } from '../../src/policy/has.js';
import { compareReleases, isLinuxRelease, xenMaster, xenReleases } from '../../src/policy/releases.js';
import { isSwitchValue, type Switches, switchTable } from '../../src/policy/switches.js';
import type { Env } from '../../src/state/env.js';
import type { WhatIf, WhatIfOptions } from './what-if.js';

/** Releases in a row under which everything ends alike. */
export interface ReleaseRange {
  readonly from: string;
  readonly to: string;
  /** What a recording under these releases differs in from the one at hand. */
  readonly result: WhatIf;
  /** Changes that came with the first of them and make the difference to the range before; `gone`: its branch lacks it. */
  readonly by: readonly { readonly name: ChangeName; readonly gone: boolean }[];
}

/** One run under other releases or with changes turned round. */
export type RunUnder = (
  options: Required<Pick<WhatIfOptions, 'switches' | 'append'>> & Pick<WhatIfOptions, 'toggled'>,
) => WhatIf;

/**
 * The recorded inputs under every modelled release of one project, the other releases as recorded. Releases that carry
 * the same changes are run once; which change makes a difference is found by turning one round at a time.
 * @cost one run for each set of changes that occurs, and one for each change that differs where outcomes do
 */
export function acrossReleases(env: Env, project: Project, run: RunUnder): readonly ReleaseRange[] {
  const names = changeNames(project);
  const under = (release: string): Switches => {
    const switches = { ...env.switches, [project]: release };
    return switches;
  };
  const carried = (release: string): ReadonlySet<ChangeName> =>
    new Set(names.filter((name) => hasChange({ ...env, switches: under(release) }, project, changeOf(name))));
  const known = new Map<string, Outcome>();
  const outcome = (release: string, toggled: readonly ChangeName[]): Outcome => {
    const changes = carried(release);
    const key = names.map((name) => (changes.has(name) !== toggled.includes(name) ? 1 : 0)).join('');
    let found = known.get(key);
    if (found === undefined) {
      found = runOnce(run, under(release), toggled);
      known.set(key, found);
    }
    return found;
  };
  const ranges: { from: string; to: string; outcome: Outcome; by: ReleaseRange['by'] }[] = [];
  for (const release of releasesOf(project)) {
    const own = outcome(release, []);
    const last = ranges.at(-1);
    if (last !== undefined && last.outcome.fingerprint === own.fingerprint) {
      last.to = release;
      continue;
    }
    const by = last === undefined ? [] : reasons(last.to, release, carried, outcome);
    ranges.push({ from: release, to: release, outcome: own, by });
  }
  return ranges.map(({ from, to, outcome: { result }, by }) => ({ from, to, result, by }));
}

interface Outcome {
  readonly result: WhatIf;
  readonly fingerprint: string;
}

function runOnce(run: RunUnder, switches: Switches, toggled: readonly ChangeName[]): Outcome {
  const mark = new Fingerprint();
  const result = run({
    switches,
    append: (events) => mark.add(events),
    ...(toggled.length === 0 ? {} : { toggled: new Set(toggled) }),
  });
  return { result, fingerprint: mark.text };
}

/** The changes between two releases without which the later one would end otherwise. */
function reasons(
  before: string,
  after: string,
  carried: (release: string) => ReadonlySet<ChangeName>,
  outcome: (release: string, toggled: readonly ChangeName[]) => Outcome,
): ReleaseRange['by'] {
  const [had, has] = [carried(before), carried(after)];
  const differing = [...new Set([...had, ...has])].filter((name) => had.has(name) !== has.has(name));
  const own = outcome(after, []).fingerprint;
  const alone = differing.filter((name) => outcome(after, [name]).fingerprint !== own);
  // Changes that only matter together.
  const found = alone.length > 0 ? alone : differing;
  return found.map((name) => ({ name, gone: had.has(name) }));
}

/** Every release worth a run, oldest first: published ones of Xen and QEMU; of Linux those around a change. */
export function releasesOf(project: Project): readonly string[] {
  if (project === 'xen') return [...xenReleases, xenMaster];
  if (project === 'qemu') return switchTable.qemu.values;
  const around = changeNames('linux').flatMap((name) => changeOf(name).first.flatMap(withNeighbour));
  return [...new Set<string>([...switchTable.linux.values, ...around])]
    .filter((release) => isSwitchValue('linux', release))
    .sort(compareReleases);
}

/** A point release and the one before it. */
function withNeighbour(release: string): readonly string[] {
  const point = Number(release.split('.')[2]);
  const earlier = release.replace(/\d+$/, String(point - 1));
  return point > 0 && isLinuxRelease(earlier) ? [earlier, release] : [release];
}

/** A number for all outcomes of a run, to tell two runs apart: 64 bits of FNV-1a over their JSON. */
class Fingerprint {
  #high = 0xcbf2_9ce4;
  #low = 0x8422_2325;

  get text(): string {
    return `${this.#high >>> 0}:${this.#low >>> 0}`;
  }

  add(events: readonly TraceEvent[]): void {
    for (const { kind, by, data } of events) {
      const text = JSON.stringify([kind, by, data]);
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        this.#low = Math.imul(this.#low ^ code, 0x0100_0193);
        this.#high = Math.imul(this.#high ^ (code + (this.#low >>> 13)), 0x0100_01b3);
      }
    }
  }
}
