import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Trouble } from '../../../src/base/errors.js';
import { Prng } from '../../../src/base/prng.js';
import { createMachine } from '../../../src/models/qemu/create.js';
import { QtestProcess } from '../oracle/qtest-process.js';
import { randomAccesses } from '../oracle/random-accesses.js';
import { randomEvents } from '../oracle/random-events.js';
import { QtestMachine } from '../qemu/qtest.js';
import { describeMachine, type RecordedTopology } from '../qemu/topology.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';
import { pluggableFunctions, readTopologies } from './qtest.js';

const PROGRAM = 'qemu-system-x86_64';
/** The release put beside the model. Bytes that another one had are no description of its machines. */
const RELEASE = /version 7\.2\./;
const RECORDED = /^7\.2(\.|$)/;
const RAM_MIB = 128;
const ACCESSES = 1_500;
const EVENTS = 150;
/** Machines of the repository's own recordings: hot-plug in both designs, virtual functions, standard controllers. */
const OWN = [
  new URL('../../fixtures/qtest/', import.meta.url),
  new URL('../../../../test/fixtures/qtest/', import.meta.url),
];

/**
 * Random accesses to the recorded x86 machines, and what else happens to a machine (hot-plug, errors, resets,
 * messages), put to a real QEMU and to the model at the same time.
 */
export const qtestLiveSet: ConformanceSet = {
  name: 'qtest-live',
  folder: 'qemu/qtest-vectors',
  async *rows(folder: string): AsyncIterable<Row> {
    if (!isInstalled()) return;
    const topologies = { ...ownTopologies(), ...readTopologies(join(folder, 'topologies.json.gz')) };
    const pluggable = pluggableFunctions(topologies);
    let seed = 1;
    for (const [name, topology] of Object.entries(topologies)) {
      if (topology.args.some((arg) => /^virt(-[\d.]+)?(,|$)/.test(arg))) continue; // The ARM board is another program's.
      if (!RECORDED.test(topology.qemu ?? '7.2')) continue; // Its bytes are another release's.
      const model = (): QtestMachine =>
        new QtestMachine(createMachine(describeMachine(topology, RAM_MIB, pluggable)), topology.args);
      const plain = model();
      yield await judge(
        `${name}#seed-${seed}`,
        topology,
        plain,
        randomAccesses(topology, new Prng(seed), ACCESSES),
      );
      const busy = model();
      const events = randomEvents(busy.machine, new Prng(seed), EVENTS);
      yield await judge(`${name}#events-${seed}`, topology, busy, events);
      seed += 1;
    }
  },
};

function ownTopologies(): Readonly<Record<string, RecordedTopology>> {
  const packed = OWN.map((url) => fileURLToPath(new URL('topologies.json.gz', url))).find(existsSync);
  return packed === undefined ? {} : readTopologies(packed);
}

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

/** Puts each line to both; the next line may depend on what the model became. */
async function judge(
  file: string,
  topology: RecordedTopology,
  model: QtestMachine,
  lines: Iterable<string>,
): Promise<Row> {
  const row = new RowBuilder('qtest-live', file);
  const qemu = new QtestProcess(PROGRAM, topology.args, RAM_MIB);
  try {
    let at = 0;
    for (const line of lines) {
      at += 1;
      const spoken = await qemu.command(line);
      if (spoken === null) {
        // An assertion of QEMU's own ends the sequence; what came before is judged.
        if (at === 1) throw new Trouble('CNF-006', 'QEMU does not start', { file, actual: line });
        row.unmodelled('QEMU ended at this command, and gave no answer');
        break;
      }
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
