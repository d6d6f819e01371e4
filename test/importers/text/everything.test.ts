import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesOf } from '../../../src/cli/report-files.js';
import { merge } from '../../../src/importers/merge.js';
import { nodeSource } from '../../../src/importers/node-source.js';
import { formats } from '../../../src/importers/registry.js';

const data = resolve(import.meta.dirname, '../../../../shared/data');
if (!existsSync(data)) console.log('skipped: no recordings beside the repository');

/** Notes about recordings, answers to compare with, and what is damaged on purpose: none of it is an artefact. */
const NOT_ARTEFACTS =
  /README|\.json(?:\.gz|l|l\.gz)?$|xenalyze|xentrace_format|pcitest\.log|tap\.counts|arm-tap\.counts|qemu-cmdline|qmp\.log|\/hostile\/|assignable-list|ste\.jsonl|power-on-bytes|devicetree|\.xpr$|xentrace\.log/;
/** What no format reads yet, by its end. */
const NOT_YET = [
  'd-grackle-uniq.log',
  'a422-mix/qemu-trace.log.xz',
  'n422-pvhw/xenstored.trace.xz',
  'n422-w1/xenstored.trace.xz',
];
/** Long ones have tests of their own. */
const MOST_BYTES = 400_000;

const artefacts = (folder: string): string[] =>
  filesOf(join(data, folder)).filter((file) => !NOT_ARTEFACTS.test(file) && statSync(file).size < MOST_BYTES);

describe.skipIf(!existsSync(data))('every artefact', () => {
  it.each(existsSync(data) ? readdirSync(data).filter((name) => !/README|hostile/.test(name)) : [])(
    'of %s is read by one of the formats',
    async (folder) => {
      const counts = new Map<string, number>();
      const unknown: string[] = [];
      for (const file of artefacts(folder)) {
        const source = await nodeSource(file, null);
        const format = formats.find((one) => one.detect(source.head));
        if (format === undefined) {
          unknown.push(file.slice(data.length + 1));
          await source.close();
          continue;
        }
        const merged = await merge([{ file, format, chunks: () => source.chunks() }], undefined, 'told');
        for await (const batch of merged.events()) expect(batch.length).toBeGreaterThanOrEqual(0);
        expect([file, merged.counts().some(({ records }) => records > 0)]).toEqual([file, true]);
        counts.set(format.name, (counts.get(format.name) ?? 0) + 1);
      }
      expect(unknown.filter((file) => !NOT_YET.some((name) => file.endsWith(name)))).toEqual([]);
    },
    120_000,
  );
});
