import { join, resolve } from 'node:path';
import { fileStore } from '../../src/log/stores/file-store.js';
import type { TraceSource } from '../../src/log/stores/store.js';

/** A trace of `traces/golden`. */
export const goldenSource = (release: string, scenario: string): TraceSource =>
  fileStore.open(resolve(import.meta.dirname, '../..', join('traces/golden', release, `${scenario}.xpr`)));
