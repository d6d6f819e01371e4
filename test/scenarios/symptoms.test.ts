import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { Judge } from '../../src/rules/judge.js';
import { scenarios } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';

const page = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/models/toolstack.md'), 'utf8');
const ROW = /^\| (\d+) +\| `([a-z0-9-]+)` +\| `(.+)` +\|$/gm;
const rows = [...page.matchAll(ROW)].map(
  ([, row, scenario, text]) => [Number(row), scenario!, text!] as const,
);

/** Everything a user can read: lines of logs, reasons Xen gives, findings. */
function readable(name: string): string[] {
  const scenario = scenarios.find((one) => one.name === name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const judge = new Judge(env);
  const lines: string[] = [];
  const read = (event: TraceEvent): void => {
    judge.see(event);
    if (event.kind === 'device.failed') lines.push(event.data.reason);
    else if (
      event.kind === 'linux.logged' ||
      event.kind === 'toolstack.logged' ||
      event.kind === 'xen.logged'
    )
      lines.push(event.data.text);
  };
  runScenario(scenario, env, 1, (batch) => batch.forEach(read));
  return [...lines, ...judge.findings.map(({ message }) => message)];
}

describe('the symptoms of docs/models/toolstack.md', () => {
  it.each(rows)('row %i, %s: %s', (_row, scenario, text) => {
    expect(readable(scenario).filter((line) => line.includes(text))).not.toEqual([]);
  });

  it('have every row of Appendix C that this family covers', () => {
    const wanted = [...Array.from({ length: 15 }, (_, i) => i + 3), 18, 19, 20, 21, 22, 23];
    expect([...new Set(rows.map(([row]) => row))]).toEqual(wanted);
  });
});
