import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { platformFromDtb } from '../../src/importers/dtb/dt-platform.js';
import { twoBridgesDtb } from '../../src/platform/built-in/two-bridges.js';
import { twoBridgesSwappedDtb } from '../../src/platform/built-in/two-bridges-swapped.js';

const file = (name: string): URL => new URL(`../../traces/platforms/${name}`, import.meta.url);

describe.each([
  ['two-bridges', twoBridgesDtb],
  ['two-bridges-swapped', twoBridgesSwappedDtb],
])('the built-in tree %s', (name, bytes) => {
  it('is the blob in traces/platforms', () => {
    expect([...bytes()]).toEqual([...readFileSync(file(`${name}.dtb`))]);
  });

  // dtc is not needed by anybody who only uses or tests the project; where it is missing the blob speaks for itself.
  it('describes what its source compiles to', () => {
    const dtc = spawnSync('dtc', ['-q', '-I', 'dts', '-O', 'dtb', '-'], {
      input: readFileSync(file(`${name}.dts`)),
    });
    const compiled = dtc.status === 0 ? new Uint8Array(dtc.stdout) : readFileSync(file(`${name}.dtb`));
    expect(platformFromDtb(compiled)).toEqual(platformFromDtb(bytes()));
  });
});
