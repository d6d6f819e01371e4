import type { TraceEvent } from '../../events/catalogue.js';
import { emptyPlatform, type Platform } from '../../platform/platform.js';
import { defaultPolicies } from '../../policy/axes.js';
import { currentBehaviour } from '../../policy/behaviours.js';
import { defaultSwitches } from '../../policy/switches.js';
import { xentraceEvents } from './import.js';
import { recordedIo } from './io.js';
import { readXentrace } from './records.js';

/** A trace buffer begins with a window of some CPU. */
const MAGIC = [0x03, 0xf0, 0x01, 0x20];

export const isXentrace = (head: Uint8Array): boolean => MAGIC.every((byte, i) => head[i] === byte);

/** Events and counts of a trace buffer; the machine behind it is not in the file. */
export interface XentraceFile {
  readonly platform: Platform;
  readonly records: number;
  /** Records that are no access of a known domain. */
  readonly skipped: number;
  /** Records the ring lost, and one for a torn end. */
  readonly lost: number;
  events(): Generator<readonly TraceEvent[]>;
}

const BATCH = 4096;

/** @throws {Trouble} XTR-001 to XTR-003 */
export function importXentrace(bytes: Uint8Array): XentraceFile {
  const trace = readXentrace(bytes);
  const platform: Platform = { ...emptyPlatform, name: 'xentrace', arch: 'x86_64' };
  const env = { platform, policies: defaultPolicies, switches: defaultSwitches, behaviour: currentBehaviour };
  let accesses = 0;
  for (const _ of recordedIo(trace)) accesses += 1;
  const { records, lostRecords, tornBytes } = trace.counts;
  return {
    platform,
    records,
    skipped: records - accesses,
    lost: lostRecords + (tornBytes > 0 ? 1 : 0),
    *events() {
      let batch: TraceEvent[] = [];
      for (const event of xentraceEvents(trace, env)) {
        batch.push(event);
        if (batch.length < BATCH) continue;
        yield batch;
        batch = [];
      }
      yield batch;
    },
  };
}
