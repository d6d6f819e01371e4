import { InvariantError } from '../base/assert.js';
import { hasBehaviour } from './behaviours.js';
import { type Change, carries } from './changes/change.js';
import { linuxChanges } from './changes/linux.js';
import { type QemuChange, qemuChanges } from './changes/qemu.js';
import { xenChanges } from './changes/xen.js';
import { compareReleases } from './releases.js';
import type { Switches } from './switches.js';

export type XenChange = keyof typeof xenChanges;
export type LinuxChange = keyof typeof linuxChanges;
export type QemuChangeName = keyof typeof qemuChanges;
export type ChangeName = XenChange | LinuxChange | QemuChangeName;

/** What answers depend on: the releases of a trace and the behaviour it was recorded with. */
export interface Releases {
  readonly switches: Switches;
  readonly behaviour: readonly number[];
  /** Changes that are taken the other way, to see what each does. */
  readonly toggled?: ReadonlySet<ChangeName>;
}

/** The changes of every project, by the switch that names its release. */
export const changesOf = {
  xen: xenChanges,
  linux: linuxChanges,
  qemu: qemuChanges,
} as const satisfies Record<string, Readonly<Record<string, Change>>>;

export type Project = keyof typeof changesOf;
export const projects: readonly Project[] = ['xen', 'linux', 'qemu'];

/**
 * Whether the chosen release of its project carries a change. The one way models ask for a release.
 * @cost O(1) after the first question for a release
 */
export function has(chosen: Releases, name: ChangeName): boolean {
  const { project, change } = found(name);
  return hasChange(chosen, project, change) !== (chosen.toggled?.has(name) ?? false);
}

/** Names of all changes of a project, in the order of its table. */
export function changeNames(project: Project): readonly ChangeName[] {
  return [...places].flatMap(([name, place]) => (place.project === project ? [name] : []));
}

/** The row of a change. */
export const changeOf = (name: ChangeName): Change => found(name).change;

/** {@link has} for a row of the tables. */
export function hasChange({ switches, behaviour }: Releases, project: Project, change: Change): boolean {
  const release = project === 'qemu' ? qemuOf(switches, change) : switches[project];
  const { before } = change;
  if (before === undefined || hasBehaviour(behaviour, before.lacking)) return carried(change, release);
  if (before.since === 'always' || before.since === 'never') return before.since === 'always';
  return compareReleases(release, before.since) >= 0;
}

/** What a change of QEMU goes by: the program, or the machine type where that is older. */
function qemuOf(switches: Switches, change: Change): string {
  const byMachine = 'by' in change && change.by === 'machine';
  const machine = switches['qemu-machine'];
  if (!byMachine || machine === 'newest') return switches.qemu;
  return compareReleases(machine, switches.qemu) < 0 ? machine : switches.qemu;
}

const isChange = (name: string): name is ChangeName =>
  projects.some((project) => Object.hasOwn(changesOf[project], name));

const places = new Map<ChangeName, { readonly project: Project; readonly change: Change }>(
  projects.flatMap((project) => {
    const rows: readonly [string, Change | QemuChange][] = Object.entries(changesOf[project]);
    return rows.flatMap(([name, change]) => (isChange(name) ? [[name, { project, change }] as const] : []));
  }),
);

function found(name: ChangeName): { readonly project: Project; readonly change: Change } {
  const place = places.get(name);
  if (place === undefined) throw new InvariantError(`no change ${name}`);
  return place;
}

/** Answers already found: models ask on every access. */
const answers = new Map<Change, Map<string, boolean>>();

function carried(change: Change, release: string): boolean {
  let known = answers.get(change);
  if (known === undefined) {
    known = new Map();
    answers.set(change, known);
  }
  let answer = known.get(release);
  if (answer === undefined) {
    answer = carries(release, change.first);
    known.set(release, answer);
  }
  return answer;
}
