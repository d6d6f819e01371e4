import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Trouble } from '../../src/base/errors.js';
import type { ConformanceSet, Row } from './row.js';
import { conformanceSets } from './sets.js';

const USAGE = `usage: npm run conformance -- DIR... [--set NAME]... [--json]
Holds models and importers against recordings of real systems.
DIR is laid out as DIR/<set>/...; sets: ${conformanceSets.map((set) => set.name).join(' ')}
Exit status: 0 nothing mismatched, 1 something did, 2 trouble.
`;

/** Runs the chosen sets over the folders given. stdout is rows, stderr is talk. @returns exit status */
async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments(argv);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (positionals.length === 0) {
    throw new Trouble('CNF-001', 'no folder given', {
      hint: 'npm run conformance -- DIR... [--set NAME] [--json]',
    });
  }
  const sets = chosenSets(values.set ?? []);
  for (const dir of positionals) {
    if (!isFolder(dir))
      throw new Trouble('CNF-003', 'not a folder', { file: dir, hint: 'give a folder of recordings' });
  }

  const rows: Row[] = [];
  const troubled: string[] = [];
  if (!values.json) process.stdout.write(`${HEADINGS}\n`);
  for (const dir of positionals) {
    for (const set of sets) {
      const folder = join(dir, set.folder);
      if (!isFolder(folder)) {
        process.stderr.write(
          `conformance: set ${set.name}: no folder ${set.folder} in ${basename(dir)}, no rows\n`,
        );
        continue;
      }
      try {
        for await (const row of set.rows(folder)) {
          rows.push(row);
          if (!values.json) process.stdout.write(`${rowText(row)}\n`);
        }
      } catch (error) {
        // What one set cannot do is no reason to keep the others' rows back.
        if (!(error instanceof Trouble)) throw error;
        process.stderr.write(troubleText(error));
        troubled.push(set.name);
      }
    }
  }
  const sum = (pick: (row: Row) => number): number => rows.reduce((total, row) => total + pick(row), 0);
  const totals = {
    total: sum((row) => row.total),
    matched: sum((row) => row.matched),
    mismatched: sum((row) => row.mismatched),
    unmodelled: sum((row) => row.unmodelled),
  };
  if (values.json) {
    process.stdout.write(
      `${JSON.stringify({ schema: 'conformance/1', rows, ...totals, troubled }, null, 1)}\n`,
    );
  } else {
    process.stdout.write(`${columns('all', `${rows.length} files`, totals)}\n`);
  }
  if (troubled.length > 0) return 2;
  return totals.mismatched === 0 ? 0 : 1;
}

function parseArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        set: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new Trouble('CNF-001', error instanceof Error ? error.message : String(error), {
      hint: 'see --help',
    });
  }
}

function chosenSets(names: readonly string[]): readonly ConformanceSet[] {
  if (names.length === 0) return conformanceSets;
  return names.map((name) => {
    const set = conformanceSets.find((candidate) => candidate.name === name);
    if (set !== undefined) return set;
    const known = conformanceSets.map((candidate) => candidate.name).join(', ');
    throw new Trouble('CNF-002', `unknown set ${name}`, {
      expected: known,
      actual: name,
      hint: `sets: ${known}`,
    });
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

type Counts = Pick<Row, 'total' | 'matched' | 'mismatched' | 'unmodelled'>;

const HEADINGS = `${'set'.padEnd(10)} ${'file'.padEnd(40)} ${['total', 'matched', 'mismatched', 'unmodelled']
  .map((name) => name.padStart(10))
  .join(' ')}`;

function columns(set: string, file: string, counts: Counts): string {
  const numbers = [counts.total, counts.matched, counts.mismatched, counts.unmodelled];
  return `${set.padEnd(10)} ${file.padEnd(40)} ${numbers.map((n) => String(n).padStart(10)).join(' ')}`;
}

function rowText(row: Row): string {
  const lines = [columns(row.set, row.file, row)];
  for (const [reason, count] of Object.entries(row.unmodelledReasons)) {
    lines.push(`  unmodelled ${count}: ${reason}`);
  }
  const first = row.firstMismatch;
  if (first !== null) {
    lines.push(`  first mismatch at ${first.at}: ${first.input}`);
    lines.push(`    expected ${first.expected}`, `    actual   ${first.actual}`);
  }
  return lines.join('\n');
}

function troubleText(trouble: Trouble): string {
  const place = [trouble.detail.file, trouble.position()].filter((part) => part != null).join(':');
  const hint = trouble.detail.hint === undefined ? '' : `\n${trouble.detail.hint}`;
  return `conformance: ${trouble.code}: ${trouble.message}${place === '' ? '' : ` (${place})`}${hint}\n`;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0); // A closed pipe ends quietly.
});

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.exitCode = 2; // Also for a bug of our own: 1 says that a model is wrong.
    if (!(error instanceof Trouble)) {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      return;
    }
    if (process.argv.includes('--json')) {
      const { file = null, expected = null, actual = null, hint = null } = error.detail;
      const { code, message } = error;
      const document = { error: { code, message, file, at: error.position(), expected, actual, hint } };
      process.stdout.write(`${JSON.stringify({ schema: 'error/1', ...document })}\n`);
    }
    process.stderr.write(troubleText(error));
  },
);
