import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { Trouble } from '../base/errors.js';
import type { TraceSource, TraceStore, TraceTarget } from './store.js';
import { logTrouble } from './trouble.js';

/** Suffix of a trace that is still being written; what a crash leaves behind and `fsck --repair` takes. */
const partialSuffix = '.part';

/** Traces as local files; names are paths. Written beside, then renamed. */
export const fileStore: TraceStore = {
  open(name): TraceSource {
    return guarded(name, () => {
      const fd = openSync(name, 'r');
      const stat = fstatSync(fd);
      if (!stat.isFile()) {
        closeSync(fd);
        throw logTrouble('LOG-012', 'not a regular file', { file: name });
      }
      return fileSource(name, fd, stat.size);
    });
  },

  create(name): TraceTarget {
    const partial = `${name}${partialSuffix}`;
    const fd = guarded(name, () => openSync(partial, 'w'));
    let open = true;
    return {
      write: (bytes) => guarded(name, () => writeAll(fd, bytes)),
      commit: () => {
        if (!open) return;
        open = false;
        guarded(name, () => {
          fsyncSync(fd);
          closeSync(fd);
          renameSync(partial, name);
        });
      },
      abandon: () => {
        if (!open) return;
        open = false;
        closeSync(fd);
        rmSync(partial, { force: true });
      },
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

function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
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
