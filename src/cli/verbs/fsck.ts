import { Trouble } from '../../base/errors.js';
import { fileStore } from '../../log/file-store.js';
import { type FsckReport, fsck, repair } from '../../log/fsck.js';
import { required } from '../choices.js';
import { print, printJson, say } from '../io.js';
import type { RunVerb } from '../verbs.js';

export const run: RunVerb = ([file], options) => {
  const name = required(file, 'the trace');
  const source = fileStore.open(name);
  try {
    const output = options['repair'];
    const report = typeof output === 'string' ? repair(source, fileStore.create(output)) : fsck(source);
    if (options['json'] === true) printJson(json(report));
    else {
      print(
        `${report.good} of ${report.blocks} blocks whole, ${report.events} events in them, digest ${report.digest.slice(0, 16)}`,
      );
      for (const { block, offsetBytes, reason } of report.damaged) {
        print(
          `damaged: ${block === null ? '' : `block ${block}, `}offset 0x${offsetBytes.toString(16)}: ${reason}`,
        );
      }
    }
    if (options['quiet'] !== true && report.damaged.length > 0) {
      say(
        typeof output === 'string'
          ? `${report.recoverable} events recovered; next: xpr info ${output}`
          : `${report.recoverable} events can be recovered; next: xpr fsck ${name} --repair OUT.xpr`,
      );
    }
    return report.damaged.length === 0 ? 0 : 1;
  } catch (error) {
    throw error instanceof Trouble ? error.inFile(name) : error;
  } finally {
    source.close();
  }
};

const json = ({
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
