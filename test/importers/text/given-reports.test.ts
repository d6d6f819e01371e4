import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportSources } from '../../../src/cli/report-files.js';
import { readReport } from '../../../src/diagnose/read.js';
import { merge } from '../../../src/importers/merge.js';

const folder = resolve(import.meta.dirname, '../../../../shared/data/reports');
const reports = existsSync(folder)
  ? readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  : [];
if (reports.length === 0) console.log('skipped: no recorded reports beside the repository');

describe.skipIf(reports.length === 0)('the trace that diagnose keeps of a public report', () => {
  it.each(reports)('%s has every message that the verdict rests on', async (report) => {
    const files = readdirSync(join(folder, report))
      .sort()
      .map((name) => ({ name, text: readFileSync(join(folder, report, name), 'utf8') }));
    const evidence = readReport(files);
    const { sources, unknown } = reportSources({ files, binaries: [] });
    const merged = await merge(sources, undefined, 'told');
    const printed: string[] = [];
    for await (const batch of merged.events())
      for (const { kind, data } of batch)
        if (kind === 'log.printed') printed.push(`${data.file}:${data.line} ${data.message} ${data.device}`);
    expect(unknown).toEqual([]);
    expect(printed.sort()).toEqual(
      evidence.sightings
        .map(({ id, device, place }) => `${place.file}:${place.line} ${id} ${device ?? ''}`)
        .sort(),
    );
  });
});
