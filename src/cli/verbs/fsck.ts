import { basename } from 'node:path';
import { checkSnapshots } from '../../../replay/seek/check-snapshots.js';
import { counted } from '../../base/counted.js';
import { Trouble } from '../../base/errors.js';
import { preambleBytes } from '../../log/frame.js';
import { type FsckReport, fsck, openTorn, repair } from '../../log/fsck.js';
import { TraceReader } from '../../log/reader.js';
import type { TraceSource } from '../../log/stores/store.js';
import { logTrouble } from '../../log/trouble.js';
import type { Platform } from '../../platform/platform.js';
import type { Env } from '../../state/env.js';
import { envOf } from '../../state/trace-env.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { openSource } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = async ([file], options) => {
  const name = required(file, 'the trace');
  const source = openSource(name);
  try {
    const json = options['json'] === true;
    const output =
      typeof options['repair'] === 'string'
        ? chooseOutput(options['repair'], outputKinds.trace, { inputs: [name], options })
        : null;
    const frames =
      output === null
        ? fsck(source)
        : await output.write((target) =>
            repair(source, target, { file: basename(name), isTrue: trueSnapshots(source) }),
          );
    const report = frames.damaged.length === 0 ? withSnapshots(frames, source) : frames;
    if (isOther(report, source.sizeBytes)) {
      throw new Trouble('LOG-001', 'not a trace file', { hint: 'xpr import makes traces of other formats' });
    }
    if (json) printJson(asJson(report));
    else if (output?.isStandard !== true) {
      print([
        `${report.good} of ${counted(report.blocks, 'block')} whole, ${counted(report.events, 'event')} in ${report.blocks === 1 ? 'it' : 'them'}, digest ${report.digest.slice(0, 16)}`,
      ]);
      for (const { block, offsetBytes, reason } of report.damaged) {
        print([
          `damaged: ${block === null ? '' : `block ${block}, `}offset 0x${offsetBytes.toString(16)}: ${reason}`,
        ]);
      }
    }
    if (output !== null) {
      say(`${counted(report.recoverable, 'event')} recovered to ${output.name}`);
      sayNext('info', { file: output.name });
    } else if (report.recoverable > 0 && report.damaged.length > 0) {
      say(`${counted(report.recoverable, 'event')} can be recovered`);
      sayNext('fsck', { file: name }, '--repair', {
        file: `${name.replace(/\.xpr((\.\d+)?\.part)?$/, '')}-repaired.xpr`,
      });
    }
    return report.damaged.length === 0 ? 0 : 1;
  } catch (error) {
    throw error instanceof Trouble ? error.inFile(name) : error;
  } finally {
    source.close();
  }
};

/** Nothing of it is a trace: no magic, no header, no block. */
const isOther = ({ blocks, recoverable, damaged }: FsckReport, sizeBytes: number): boolean =>
  blocks === 0 &&
  recoverable === 0 &&
  (sizeBytes === 0 || /^LOG-001/.test(damaged[0]?.reason ?? '')) &&
  (damaged.length > 1 || sizeBytes < LEAST_BYTES);

/** The frames of a trace without an event are longer. */
const LEAST_BYTES = 128;

/** Which snapshots say what the events before them do; none where that cannot be told. */
function trueSnapshots(source: TraceSource): (offsetBytes: number) => boolean {
  try {
    const { reader } = openTorn<Platform>(source);
    const { wrong, foreign } = checkSnapshots(reader, envOf(reader.header));
    return foreign > 0 ? () => false : (offsetBytes) => !wrong.includes(offsetBytes);
  } catch (error) {
    if (error instanceof Trouble) return () => false;
    throw error;
  }
}

/** What frames cannot show: a snapshot that says other things than the events before it. */
function withSnapshots(report: FsckReport, source: TraceSource): FsckReport {
  const reader = TraceReader.open<Platform>(source);
  let env: Env;
  try {
    env = envOf(reader.header);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    // No verb reads such a trace; a policy or release of another version is no damage.
    if (error.code === 'LOG-016') {
      const reason = `${error.code}: ${error.message}`;
      return { ...report, damaged: [{ block: null, offsetBytes: preambleBytes, reason }] };
    }
    if (reader.index.snapshots.length > 0) say(`snapshots are not checked: ${error.code}: ${error.message}`);
    return report;
  }
  if (reader.index.snapshots.length === 0) return report;
  const { wrong, foreign } = checkSnapshots(reader, env);
  if (foreign > 0)
    say(`${foreign} snapshots are of another version's state: not checked, and not used by any verb`);
  const damaged = wrong.map((offsetBytes) => ({
    block: null,
    offsetBytes,
    reason: `LOG-017: ${logTrouble('LOG-017', '').message}`,
  }));
  return { ...report, damaged };
}

const asJson = ({
  blocks,
  events,
  good,
  damaged,
  recoverable,
  digest,
}: FsckReport): Record<string, unknown> => ({
  schema: 'fsck/1',
  blocks,
  events,
  good,
  damaged: damaged.map(({ block, offsetBytes, reason }) => ({ block, offset: offsetBytes, reason })),
  recoverable,
  digest,
});
