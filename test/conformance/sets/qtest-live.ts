import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Trouble } from '../../../src/base/errors.js';
import { Prng } from '../../../src/base/prng.js';
import { createMachine } from '../../../src/models/qemu/create.js';
import { QtestProcess } from '../oracle/qtest-process.js';
import { randomAccesses } from '../oracle/random-accesses.js';
import { QtestMachine } from '../qemu/qtest.js';
import { describeMachine, type RecordedTopology } from '../qemu/topology.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';
import { readTopologies } from './qtest.js';

const PROGRAM = 'qemu-system-x86_64';
/** The bytes in `topologies.json.gz` are those of this release; another one has other capabilities. */
const RELEASE = /version 7\.2\./;
const RAM_MIB = 128;
const ACCESSES = 1_500;

/** Random accesses to the recorded x86 machines, put to a real QEMU and to the model at the same time. */
export const qtestLiveSet: ConformanceSet = {
  name: 'qtest-live',
  folder: 'qemu/qtest-vectors',
  async *rows(folder: string): AsyncIterable<Row> {
    if (!isInstalled()) return;
    let seed = 1;
    for (const [name, topology] of Object.entries(readTopologies(join(folder, 'topologies.json.gz')))) {
      if (topology.args.some((arg) => arg.startsWith('virt'))) continue;
      yield await judge(name, topology, seed++);
    }
  },
};

/** @throws {Trouble} CNF-005 when QEMU 7.2 is missing where CI=true. */
function isInstalled(): boolean {
  const version = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' }).stdout ?? '';
  if (RELEASE.test(version)) return true;
  if (process.env['CI'] === 'true') {
    throw new Trouble('CNF-005', 'QEMU 7.2 is not installed', { hint: 'apt-get install qemu-system-x86' });
  }
  process.stderr.write(
    'conformance: set qtest-live: skipped, no QEMU 7.2 (apt-get install qemu-system-x86)\n',
  );
  return false;
}

async function judge(name: string, topology: RecordedTopology, seed: number): Promise<Row> {
  const row = new RowBuilder('qtest-live', `${name}#seed-${seed}`);
  const model = new QtestMachine(createMachine(describeMachine(topology, RAM_MIB, [])), topology.args);
  const qemu = new QtestProcess(PROGRAM, topology.args, RAM_MIB);
  try {
    let at = 0;
    for (const line of randomAccesses(topology, new Prng(seed), ACCESSES)) {
      at += 1;
      const spoken = await qemu.command(line);
      if (spoken === null) throw new Trouble('CNF-006', 'QEMU ended', { actual: line });
      const answer = model.answer(line);
      if (answer.reply === null) row.unmodelled(answer.reason);
      else
        row.compare(`command ${at}`, line, [spoken.reply, ...spoken.async], [answer.reply, ...answer.async]);
    }
  } finally {
    qemu.stop();
  }
  return row.row();
}
