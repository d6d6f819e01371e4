import { replay } from '../../replay/run/replayer.js';
import type { PhysicalAddress, TraceNs } from '../../src/base/brand.js';
import { systemClock } from '../../src/base/clock.js';
import type { InputDraft, TraceEvent } from '../../src/events/catalogue.js';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { Engine } from '../../src/models/engine.js';
import { hardwareIds } from '../../src/models/hardware/smmu/hardware-ids.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { withTwoNics } from '../../src/platform/built-in/two-nics.js';
import { defaultPolicies } from '../../src/policy/axes.js';
import { currentBehaviour } from '../../src/policy/behaviours.js';
import { defaultSwitches } from '../../src/policy/switches.js';
import { mapOnIts } from '../../src/scenarios/msi/parts.js';
import { bindAndScan, bootXen } from '../../src/scenarios/segments/boot.js';
import type { Env } from '../../src/state/env.js';
import type { Figure } from './log.js';

const EVENTS_PER_DEVICE = 32;
/** Messages made at a time, so that the workload itself needs no memory. */
const BATCH = 4096;

/**
 * Replay of MSIs through SMMU, ITS, Xen's LPI table and into Dom0: each message is an input, a translation and a
 * delivery, decided again and compared. @param count Messages.
 */
export function benchIts(count: number): Figure[] {
  const platform = withTwoNics(platformFromDtb(twoBridgesDtb()));
  const env: Env = {
    platform,
    policies: defaultPolicies,
    switches: defaultSwitches,
    behaviour: currentBehaviour,
  };
  const memory: number[] = [];
  let messages = 0;
  function* batches(): Generator<readonly TraceEvent[]> {
    const engine = new Engine(env);
    yield [...boot(engine, env)];
    const { doorbell } = platform.msiControllers[0]!;
    for (let made = 0; made < count; made += BATCH) {
      const batch: TraceEvent[] = [];
      for (let i = made; i < Math.min(count, made + BATCH); i++) {
        const draft: InputDraft = {
          kind: 'msi.written',
          by: 'hw',
          atNs: (i * 1000) as TraceNs,
          data: {
            function: platform.functions[i & 1]!.function,
            address: doorbell as PhysicalAddress,
            data: (i >>> 1) % EVENTS_PER_DEVICE,
          },
        };
        for (const event of engine.step(draft)) batch.push(event);
        messages += 1;
      }
      paused += systemClock.now() - resumedAt;
      // Deciding for the workload and for the replay cost the same, so the first is taken off the clock.
      yield batch;
      resumedAt = systemClock.now();
      memory.push(process.memoryUsage().heapUsed);
    }
  }
  let paused = 0n;
  let resumedAt = systemClock.now();
  const start = systemClock.now();
  const result = replay(env, batches(), { keep: 1 });
  const seconds = Number(systemClock.now() - start - paused) / 1e9;
  if (result.mismatched !== 0) throw new Error('the replay of MSIs differs from its own recording');
  const half = Math.floor(memory.length / 2);
  const growth = Math.max(...memory.slice(half)) - Math.max(...memory.slice(0, half), 0);
  return [
    {
      name: `MSIs through SMMU and ITS, replayed and compared (${messages} messages)`,
      value: result.events / seconds / 1e6,
      unit: 'M events/s',
    },
    {
      name: 'peak heap of the second half over the first while doing so',
      value: growth / 2 ** 20,
      unit: 'MiB',
    },
  ];
}

function* boot(engine: Engine, env: Env): Generator<TraceEvent> {
  const view = { env, state: engine.state, prng: null as never };
  const { platform } = env;
  const parts = [
    bootXen(view),
    ...platform.bridges.map((bridge) => bindAndScan(view, bridge)),
    ...platform.functions.map((fn, i) =>
      mapOnIts(
        platform.msiControllers[0]!,
        hardwareIds(platform, fn.function).deviceId,
        EVENTS_PER_DEVICE,
        8192 + EVENTS_PER_DEVICE * i,
      ),
    ),
  ];
  for (const part of parts) {
    for (let next = part.next([]); next.done !== true; ) {
      const followed = 'kind' in next.value ? engine.step(next.value) : [];
      yield* followed;
      next = part.next(followed);
    }
  }
}
