import { describe, expect, it } from 'vitest';
import type { TraceHeader } from '../../src/log/header.js';
import { emptyPlatform } from '../../src/platform/platform.js';
import { defaultPolicies } from '../../src/policy/axes.js';
import { currentBehaviour } from '../../src/policy/behaviours.js';
import { defaultSwitches } from '../../src/policy/switches.js';
import { envOf } from '../../src/state/trace-env.js';

const header = (behaviour: readonly number[]): TraceHeader => ({
  creator: 'test',
  scenario: null,
  seed: null,
  platform: emptyPlatform,
  policies: defaultPolicies,
  switches: defaultSwitches,
  behaviour,
  provenance: [],
});

describe('behaviour changes', () => {
  it('have numbers from 1 on, one after the other', () => {
    expect(currentBehaviour).toEqual(currentBehaviour.map((_number, i) => i + 1));
  });

  it('of a trace are its own, not those of this release', () => {
    expect(envOf(header([])).behaviour).toEqual([]);
    expect(envOf(header(currentBehaviour)).behaviour).toEqual(currentBehaviour);
  });

  it('of a newer release end with an error that names the number', () => {
    expect(() => envOf(header([...currentBehaviour, 9999]))).toThrowError(/behaviour 9999/);
  });
});
