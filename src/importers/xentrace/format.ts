import type { Format } from '../importer.js';
import { XentraceEvents } from './events.js';
import { Accesses } from './io.js';
import { XentraceStream } from './records.js';

/** A trace buffer begins with a window of some CPU. */
const MAGIC = [0x03, 0xf0, 0x01, 0x20];

/** The binary output of `xentrace`. The machine behind it is not in the file. */
export const xentraceFormat: Format = {
  name: 'xentrace',
  doc: 'the binary output of xentrace',
  detect: (head) => MAGIC.every((byte, i) => head[i] === byte),
  open(out) {
    out.fact({ is: 'name', name: 'xentrace' });
    let said = 0;
    const events = new XentraceEvents(out, () => stream.baseCycles);
    const accesses = new Accesses((access) => {
      said += 1;
      events.take(access);
    });
    const stream = new XentraceStream((record) => accesses.see(record));
    const count = (): void => {
      const { records, lostRecords, tornBytes } = stream.counts;
      out.counts.records = records;
      out.counts.skipped = records - said;
      out.counts.lost = lostRecords + (tornBytes > 0 ? 1 : 0);
    };
    return {
      push(bytes) {
        stream.push(bytes);
        count();
      },
      end() {
        stream.end();
        accesses.end();
        count();
      },
    };
  },
};
