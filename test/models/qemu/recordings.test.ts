import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/models/qemu/create.js';
import type { MachineState } from '../../../src/models/qemu/state.js';
import { QtestMachine } from '../../conformance/qemu/qtest.js';
import { describeMachine, functionBytes, type RecordedTopology } from '../../conformance/qemu/topology.js';
import { judgeFolder } from '../../conformance/sets/qtest.js';
import { fixtures } from './machine-bench.js';

describe('recorded replies of a real QEMU', () => {
  it.each([...judgeFolder(fixtures)].map((row) => [row.file, row] as const))(
    '%s is predicted',
    (_file, row) => {
      expect(row.firstMismatch).toBeNull();
      expect(row.mismatched).toBe(0);
      expect(row.matched).toBeGreaterThan(row.total * 0.9);
    },
  );

  it('are the same when the state goes through JSON after every command', () => {
    const topology = (
      JSON.parse(gunzipSync(readFileSync(join(fixtures, 'topologies.json.gz'))).toString()) as Record<
        string,
        RecordedTopology
      >
    )['q35-2rp-native']!;
    const pluggable = topology.devices.map(functionBytes);
    const start = (): QtestMachine =>
      new QtestMachine(createMachine(describeMachine(topology, 128, pluggable)));
    const plain = start();
    let kept = start();
    for (const command of sequence('G2n-hotplug-native')) {
      const { machine } = kept;
      const state = JSON.parse(JSON.stringify(machine.state)) as MachineState;
      expect(state).toEqual(machine.state);
      kept = new QtestMachine({ ...machine, state, effects: [] });
      expect(kept.answer(command).reply).toBe(plain.answer(command).reply);
    }
  });
});

/** Commands of one recorded sequence. */
function sequence(name: string): string[] {
  const commands: string[] = [];
  let inside = false;
  for (const line of readFileSync(join(fixtures, 'vectors.jsonl'), 'utf8').split('\n')) {
    if (line === '') continue;
    const entry = JSON.parse(line) as { meta?: { seq: string }; cmd?: string };
    if (entry.meta !== undefined) inside = entry.meta.seq === name;
    else if (inside) commands.push(entry.cmd!);
  }
  return commands;
}
