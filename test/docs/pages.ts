import { type Axis, axes } from '../../src/policy/axes.js';
import { type Behaviour, behaviourTable } from '../../src/policy/behaviours.js';
import type { Change } from '../../src/policy/changes/change.js';
import { changesOf, projects } from '../../src/policy/has.js';
import { type Switch, shownValues, switchTable } from '../../src/policy/switches.js';
import { rules } from '../../src/rules/index.js';
import { scenarios } from '../../src/scenarios/index.js';
import { markdownTable } from '../cli/markdown-table.js';
import { apiPage } from './api-page.js';

/** Pages made from tables in the source: `npm run docs` writes them, a test holds the two against each other. */
export const pages: Readonly<Record<string, () => string>> = {
  'docs/scenarios.md': scenariosPage,
  'docs/policies.md': policiesPage,
  'docs/rules/README.md': rulesPage,
  'docs/api.md': apiPage,
};

const written = '<!-- Written by `npm run docs`; edit the source it names. -->';

function scenariosPage(): string {
  const lines = [
    '# Scenarios',
    '',
    written,
    '',
    '`xpr record NAME -o T.xpr` runs one; its golden trace is `traces/golden/<release>/NAME.xpr`. This page is made from',
    '`src/scenarios`.',
  ];
  for (const { name, title, source, shows, expects, policies, switches, takesPlatform } of scenarios) {
    const chosen = [...Object.entries(policies ?? {}), ...Object.entries(switches ?? {})];
    lines.push('', `## ${name}`, '', `**${title}.** ${shows}`, '');
    lines.push(`- Source: ${source}`);
    lines.push(
      `- Findings: ${expects.length === 0 ? 'none' : expects.map((code) => `[${code}](rules/${code}.md)`).join(', ')}`,
    );
    if (chosen.length > 0)
      lines.push(`- Chosen: ${chosen.map((pair) => `\`${pair.join('=')}\``).join(', ')}`);
    if (takesPlatform) lines.push('- Runs on any device tree given with `--dtb`');
  }
  return `${lines.join('\n')}\n`;
}

function policiesPage(): string {
  const part = (entries: [string, Axis | Switch][], option: string): string[] => [
    ...markdownTable([
      ['name', 'values', 'default', 'meaning'],
      ...entries.map(([name, entry]) => [
        `\`${name}\``,
        shownValues(entry)
          .map((value) => `\`${value}\``)
          .join(', '),
        `\`${entry.default}\``,
        entry.doc,
      ]),
    ]),
    '',
    `Chosen with \`${option} name=value\`.`,
  ];
  return `${[
    '# Policies and switches',
    '',
    written,
    '',
    'A policy is a design question with its possible answers; a switch is a release or a behaviour that differs between releases.',
    'Both are stored in the header of a trace. This page is made from `src/policy`.',
    '',
    '## Policies',
    '',
    ...part(Object.entries(axes), '--policy'),
    '',
    '## Switches',
    '',
    ...part(Object.entries(switchTable), '--switch'),
    '',
    '## What releases brought',
    '',
    'A release has a change from the first release of its branch that carries it; a branch that is not named and lies before the',
    'last one never has it. `4.19` stands for the newest point release of its branch. A trace stores the point release.',
    '',
    ...releasePart(),
    '',
    '## Behaviour changes',
    '',
    'What a release decides otherwise than the ones before it. A trace stores the numbers of the changes its recording had; it is',
    'decided the old way where a number is missing, so that old traces replay for ever.',
    '',
    ...behaviourPart(),
  ].join('\n')}\n`;
}

function releasePart(): string[] {
  const rows = projects.flatMap((project) => {
    const changes: readonly [string, Change][] = Object.entries(changesOf[project]);
    return changes.map(([name, { first, commit, doc, where }]) => [
      project,
      `\`${name}\``,
      first.join(', '),
      commit === null ? '' : `\`${commit}\``,
      doc,
      where,
    ]);
  });
  return markdownTable([['project', 'name', 'first releases', 'commit', 'what changed', 'where'], ...rows]);
}

function behaviourPart(): string[] {
  const changes: [string, Behaviour][] = Object.entries(behaviourTable);
  if (changes.length === 0) return ['None yet.'];
  return markdownTable([
    ['number', 'name', 'since', 'what changed'],
    ...changes.map(([name, { number, since, doc }]) => [String(number), `\`${name}\``, since, doc]),
  ]);
}

function rulesPage(): string {
  return `${[
    '# Rules',
    '',
    written,
    '',
    'What `xpr findings` can say. This page is made from `src/rules`.',
    '',
    ...markdownTable([
      ['rule', 'severity', 'finds', 'and what comes of it'],
      ...rules.map(({ code, severity, title, doc }) => [`[${code}](${code}.md)`, severity, title, doc]),
    ]),
  ].join('\n')}\n`;
}
