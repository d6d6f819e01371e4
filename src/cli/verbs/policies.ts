import { type Axis, axes } from '../../policy/axes.js';
import { type Behaviour, behaviourTable } from '../../policy/behaviours.js';
import { type Switch, switchTable } from '../../policy/switches.js';
import { table } from '../../tell/table.js';
import { print, printJson } from '../io.js';
import type { RunVerb } from '../verbs.js';

export const run: RunVerb = (_args, options) => {
  const policies: [string, Axis][] = Object.entries(axes);
  const switches: [string, Switch][] = Object.entries(switchTable);
  const changes: [string, Behaviour][] = Object.entries(behaviourTable);
  if (options['json'] === true) {
    const list = (entries: [string, Axis | Switch][]) =>
      entries.map(([name, { doc, values, default: chosen }]) => ({ name, doc, values, default: chosen }));
    const behaviour = changes.map(([name, change]) => ({ name, ...change }));
    printJson({ schema: 'policies/1', policies: list(policies), switches: list(switches), behaviour });
    return 0;
  }
  const rows = (entries: [string, Axis | Switch][]) =>
    entries.map(([name, entry]) => [
      name,
      entry.values.map((value) => (value === entry.default ? `[${value}]` : value)).join(' '),
      entry.doc,
    ]);
  print(table([['policy', 'values ([default])', ''], ...rows(policies)]));
  print('');
  print(table([['switch', 'values ([default])', ''], ...rows(switches)]));
  if (changes.length === 0) return 0;
  print('');
  print(table([['behaviour', 'since', ''], ...changes.map(([name, { since, doc }]) => [name, since, doc])]));
  return 0;
};
