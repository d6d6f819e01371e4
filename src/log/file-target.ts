import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pause, writeAll } from './descriptor.js';
import { type Place, placeOf } from './place.js';
import type { TraceTarget } from './stores/store.js';
import { beginFile } from './unfinished.js';

/** Suffix of a file that is still being written; what a crash leaves behind and `fsck --repair` takes. */
const partialSuffix = '.part';
/** Partial files of one name tried before giving up. */
const ATTEMPTS = 1_000;
/** How long somebody may take to open the other end of a named pipe. */
const PATIENCE_MS = 2_000;
const LOOK_MS = 10;

/**
 * A file to write, by the name of the user. A regular file is written beside its place, under a name that nobody
 * has, and takes its place when it is whole and on the disk. A link stays and what it leads to is written; a device,
 * a named pipe or a descriptor of this process is written through.
 * @throws errors of the operating system, here and in every method
 */
export function createFile(name: string): TraceTarget {
  const place = placeOf(name);
  if (place.descriptor !== null) return through(place.descriptor, () => {});
  if (place.stat === null || place.stat.isFile()) return beside(place);
  const descriptor = openThrough(place);
  return through(descriptor, () => closeSync(descriptor));
}

function beside({ path, stat }: Place): TraceTarget {
  let open = true;
  const made: Partly = { partial: null, descriptor: null };
  const drop = (): void => {
    if (!open) return;
    open = false;
    done();
    if (made.descriptor !== null) closeSync(made.descriptor);
    if (made.partial !== null) rmSync(made.partial, { force: true });
  };
  const done = beginFile(drop);
  const { partial, descriptor } = openPartial(path, stat, made, drop);
  return {
    write: (bytes) => writeAll(descriptor, bytes),
    commit: () => {
      if (!open) return;
      try {
        fsyncSync(descriptor);
        checkOurs(partial, descriptor);
        renameSync(partial, path);
      } catch (error) {
        drop();
        throw error;
      }
      open = false;
      done();
      closeSync(descriptor);
      syncFolder(dirname(path));
    },
    abandon: drop,
  };
}

/** What there may be of a partial file when Ctrl-C breaks off its making. */
interface Partly {
  partial: string | null;
  descriptor: number | null;
}

/**
 * A new file beside the place, never one that is there already and never through a link. `made` says at every moment
 * what is to be taken away, since Ctrl-C may come between the file and whatever follows; `drop` takes it away.
 */
function openPartial(path: string, replaced: Stats | null, made: Partly, drop: () => void) {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  for (let attempt = 0; ; attempt++) {
    const partial = join(
      dirname(path),
      `${basename(path)}${attempt === 0 ? '' : `.${attempt}`}${partialSuffix}`,
    );
    try {
      made.partial = lstatSync(partial, { throwIfNoEntry: false }) === undefined ? partial : null;
      const descriptor = openSync(partial, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o666);
      made.descriptor = descriptor;
      if (replaced !== null) fchmodSync(descriptor, replaced.mode & 0o777);
      return { partial, descriptor };
    } catch (error) {
      if (made.descriptor === null) made.partial = null;
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && attempt < ATTEMPTS) continue;
      drop();
      throw error;
    }
  }
}

/** Somebody may have put another file under the partial file's name: that one does not become the output. */
function checkOurs(partial: string, descriptor: number): void {
  const [there, ours] = [lstatSync(partial), fstatSync(descriptor)];
  if (there.dev === ours.dev && there.ino === ours.ino) return;
  throw Object.assign(new Error('ESTALE: the partial file was exchanged, open'), {
    code: 'ESTALE',
    syscall: 'open',
    path: partial,
  });
}

/** The new name is on the disk too. File systems that cannot say so are left alone. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(descriptor);
  }
}

function through(descriptor: number, close: () => void): TraceTarget {
  let open = true;
  const end = (): void => {
    if (open) close();
    open = false;
  };
  return { write: (bytes) => writeAll(descriptor, bytes), commit: end, abandon: end };
}

/** Opens what is no regular file. A pipe that nobody reads is waited for a little, not for ever. */
function openThrough({ path, stat }: Place): number {
  const { O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
  for (let waited = 0; ; waited += LOOK_MS) {
    try {
      return openSync(path, O_WRONLY | O_NOCTTY | O_NONBLOCK);
    } catch (error) {
      const unread = stat?.isFIFO() === true && (error as NodeJS.ErrnoException).code === 'ENXIO';
      if (!unread || waited >= PATIENCE_MS) throw error;
      pause(LOOK_MS);
    }
  }
}
