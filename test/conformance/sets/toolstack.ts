import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { recordingText } from '../recording.js';
import type { ConformanceSet, Row } from '../row.js';
import { hypercallRow } from '../toolstack/hypercalls.js';
import { LifeCycle } from '../toolstack/life-cycle.js';
import { messageRow, textsOf } from '../toolstack/messages.js';
import { resetRow } from '../toolstack/resets.js';
import { sysfsRow, treeRow } from '../toolstack/snapshots.js';
import { storeRow } from '../toolstack/store.js';
import { xenRelease } from '../vpci/console.js';

const NAME = 'toolstack';

/**
 * Life cycles of passed-through devices on a real Xen. The access log of xenstored says when each party moved; the
 * models say what it asked of XenStore, of Xen and of sysfs, and what it printed. docs/models/toolstack.md tells how.
 */
export const toolstackSet: ConformanceSet = {
  name: NAME,
  folder: 'xen',
  *rows(folderPath): Iterable<Row> {
    const runs = readdirSync(folderPath, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of runs.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const run = join(folderPath, name);
      const log = recordingText(run, 'xenstored.trace');
      if (log === null) continue;
      const told = `${recordingText(run, 'xl-info.txt') ?? ''}\n${recordingText(run, 'xen-console.log') ?? ''}`;
      yield storeRow(NAME, `${name}/xenstored.trace`, log, xenRelease(told));
      const life = new LifeCycle(NAME, name, run, log, textsOf(run));
      if (!life.machine.isDescribed) {
        yield life.undescribed();
        continue;
      }
      yield life.live();
      for (const judge of [hypercallRow, resetRow, treeRow, sysfsRow]) {
        const row = judge(NAME, name, run, life.machine);
        if (row !== null && row.total > 0) yield row;
      }
      const results = life.results.row();
      if (results.total > 0) yield results;
      const messages = messageRow(NAME, name, run, life);
      if (messages !== null) yield messages;
    }
  },
};
