import { addRange, emptyRangeSet, type RangeSet } from '../../src/base/rangeset.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { type Access, type Selecting, selectServer, targetOf } from '../../src/models/xen/ioreq/select.js';
import { guestBoot } from '../../src/scenarios/ioreq/guest-boot.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';
import type { Figure } from './log.js';

const SERVERS = 8;
const RANGES = 256;

/** Selection with every server full of ranges, and a guest boot with 1,000 functions. */
export function benchIoreq(count: number): Figure[] {
  const guest = crowded();
  const accesses = Array.from(
    { length: 4096 },
    (_, i): Access => ({
      space: i % 2 === 0 ? 'port' : 'mem',
      addr: (i * 7919) % 51_200,
      size: 4,
      count: 1,
      df: false,
    }),
  );
  let found = 0;
  const selecting = seconds(() => {
    for (let i = 0; i < count; i++) {
      const access = accesses[i & 4095]!;
      if (selectServer(guest, access, targetOf(guest, access)) >= 0) found += 1;
    }
  });
  const env = scenarioEnv(guestBoot, { seed: 1, policies: {}, switches: {}, platform: null });
  let events = 0;
  const booting = seconds(() =>
    runScenario(guestBoot, env, 1, (batch: readonly TraceEvent[]) => {
      events += batch.length;
    }),
  );
  return [
    {
      name: `selections among ${SERVERS} servers of ${RANGES} ranges (${Math.round((100 * found) / count)} % found)`,
      value: count / selecting / 1e6,
      unit: 'M/s',
    },
    {
      name: `guest boot with 1,000 functions: ${events} events decided`,
      value: events / booting / 1e3,
      unit: 'k events/s',
    },
  ];
}

function crowded(): Selecting {
  const servers = Array.from({ length: SERVERS }, (_, id) => {
    const ranges: [RangeSet, RangeSet, RangeSet] = [emptyRangeSet(), emptyRangeSet(), emptyRangeSet()];
    for (const set of ranges)
      for (let i = 0; i < RANGES; i++) addRange(set, id * 16 + i * 200, id * 16 + i * 200 + 8);
    return { enabled: true, ranges };
  });
  return { type: 'hvm', cf8: 0, cpuVendor: 'intel', cpuFamily: 6, hostCf8Ext: false, servers };
}

function seconds(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}
