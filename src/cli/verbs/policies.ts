import { type Axis, axes } from '../../policy/axes.js';
import { type Behaviour, behaviourTable } from '../../policy/behaviours.js';
import type { Change } from '../../policy/changes/change.js';
import { changesOf, projects } from '../../policy/has.js';
import { type Switch, shownValues, switchTable } from '../../policy/switches.js';
import { table } from '../../tell/table.js';
import { print, printJson } from '../io.js';
import { unknownName } from '../unknown.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([name], options) => {
  const all = { policies: Object.entries(axes), switches: Object.entries(switchTable) };
  const isChosen = ([one]: readonly [string, unknown]): boolean => typeof name !== 'string' || one === name;
  const policies: [string, Axis][] = all.policies.filter(isChosen);
  const switches: [string, Switch][] = all.switches.filter(isChosen);
  if (typeof name === 'string' && policies.length + switches.length === 0) {
    const known = [...all.policies, ...all.switches].map(([one]) => one);
    throw unknownName('POL-001', 'policy or switch', name, known, 'policies');
  }
  const changes: [string, Behaviour][] = Object.entries(behaviourTable);
  if (options['json'] === true) {
    const list = (entries: [string, Axis | Switch][]) =>
      entries.map(([name, entry]) => ({
        name,
        doc: entry.doc,
        values: shownValues(entry),
        default: entry.default,
      }));
    const behaviour = changes.map(([name, change]) => ({ name, ...change }));
    printJson({
      schema: 'policies/1',
      policies: list(policies),
      switches: list(switches),
      releases: releaseChanges(),
      behaviour,
    });
    return 0;
  }
  if (typeof name === 'string') {
    print([
      ...policies.flatMap((one) => inFull('--policy', ...one)),
      ...switches.flatMap((one) => inFull('--switch', ...one)),
    ]);
    return 0;
  }
  const rows = (entries: [string, Axis | Switch][]) =>
    entries.map(([name, entry]) => [
      name,
      shownValues(entry)
        .map((value) => (value === entry.default ? `[${value}]` : value))
        .join(' '),
      entry.doc,
    ]);
  print(table([['policy', 'values ([default])', ''], ...rows(policies)]));
  print(['']);
  print(table([['switch', 'values ([default])', ''], ...rows(switches)]));
  print(['']);
  print(
    table([
      ['change', 'first releases', 'commit', ''],
      ...releaseChanges().map(({ project, name, first, commit, doc }) => [
        `${project}: ${name}`,
        first.join(' '),
        commit ?? '-',
        doc,
      ]),
    ]),
  );
  print(['']);
  print(table([['behaviour', 'since', ''], ...changes.map(([name, { since, doc }]) => [name, since, doc])]));
  return 0;
};

/** What releases of Xen, Linux and QEMU brought, by project and name. */
function releaseChanges() {
  return projects.flatMap((project) => {
    const rows: readonly [string, Change][] = Object.entries(changesOf[project]);
    return rows.map(([name, { doc, commit, where, first }]) => ({
      project,
      name,
      doc,
      commit,
      where,
      first,
    }));
  });
}

const inFull = (flag: string, name: string, entry: Axis | Switch): string[] => [
  `${flag} ${name}=VALUE`,
  entry.doc,
  `values   ${shownValues(entry).join(' ')}`,
  `default  ${entry.default}`,
];
