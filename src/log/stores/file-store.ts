import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { Trouble } from '../../base/errors.js';
import { createFile } from '../file-target.js';
import { logTrouble } from '../trouble.js';
import type { TraceSource, TraceStore, TraceTarget } from './store.js';

/** Traces as local files; names are paths. Written beside, then renamed. */
export const fileStore: TraceStore = {
  open(name): TraceSource {
    return guarded(name, () => {
      // A named pipe without a writer would hold the command for ever.
      const fd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK);
      const stat = fstatSync(fd);
      if (!stat.isFile()) {
        closeSync(fd);
        throw logTrouble('LOG-012', 'not a regular file', { file: name });
      }
      return fileSource(name, fd, stat.size);
    });
  },

  create(name): TraceTarget {
    const target = guarded(name, () => createFile(name));
    return {
      write: (bytes) => guarded(name, () => target.write(bytes)),
      commit: () => guarded(name, () => target.commit()),
      abandon: () => guarded(name, () => target.abandon()),
    };
  },
};

function fileSource(name: string, fd: number, size: number): TraceSource {
  let open = true;
  return {
    sizeBytes: size,
    read: (offsetBytes, sizeBytes) =>
      guarded(name, () => {
        if (offsetBytes + sizeBytes > size) {
          throw logTrouble('LOG-012', 'it ends early', { file: name, at: { offsetBytes } });
        }
        const bytes = new Uint8Array(sizeBytes);
        let got = 0;
        while (got < sizeBytes) {
          const n = readSync(fd, bytes, got, sizeBytes - got, offsetBytes + got);
          if (n === 0) throw logTrouble('LOG-012', 'it became shorter', { file: name, at: { offsetBytes } });
          got += n;
        }
        return bytes;
      }),
    close: () => {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** Operating system errors become coded ones. */
function guarded<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof Trouble || !(error instanceof Error && 'code' in error)) throw error;
    // Node repeats call and path; the file is named anyway.
    throw logTrouble('LOG-012', error.message.replace(/, \w+( '.*')?$/, ''), { file: name });
  }
}
