import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { whatIf } from '../../replay/run/what-if.js';
import { TraceReader } from '../../src/log/reader.js';
import { bytesSource } from '../../src/log/stores/memory-store.js';
import type { Platform } from '../../src/platform/platform.js';
import { envOf } from '../../src/state/trace-env.js';

describe('names of devices under another numbering', () => {
  it('are found in a domctl whose arguments are flat, as taps record them', () => {
    const file = new URL('../../traces/recordings/xen-4.22-two-bridges.xpr', import.meta.url);
    const reader = TraceReader.open<Platform>(bytesSource(readFileSync(file)));
    const env = envOf(reader.header);
    const other = { ...env.policies, 'linux-resources': 'assign', 'pci-passthrough': 'on' } as const;
    const result = whatIf(env, other, [[...reader.readEvents()]]);
    expect(result.events).toBe(reader.events);
    expect(result.changed).toBeGreaterThan(0);
  });
});
