import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { recordingText } from '../recording.js';
import type { ConformanceSet, Row } from '../row.js';
import { storeRow } from '../toolstack/store.js';

const NAME = 'toolstack';

/** Life cycles of passed-through devices on a real Xen: XenStore's access log, xl's logs, taps, snapshots. */
export const toolstackSet: ConformanceSet = {
  name: NAME,
  folder: 'xen',
  *rows(folderPath): Iterable<Row> {
    const runs = readdirSync(folderPath, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of runs.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const run = join(folderPath, name);
      const log = recordingText(run, 'xenstored.trace');
      if (log === null) continue;
      yield storeRow(NAME, `${name}/xenstored.trace`, log);
    }
  },
};
