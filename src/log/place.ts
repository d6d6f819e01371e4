import { fstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Where an output's name leads: a path without links, or an open descriptor of this process by another name. */
export interface Place {
  readonly path: string;
  /** `/dev/stdout`, `/dev/fd/3`, `/proc/self/fd/3` and links to them. */
  readonly descriptor: number | null;
  /** What is there; null when nothing is. */
  readonly stat: Stats | null;
}

/** As the kernel counts. */
const LINKS = 40;

/**
 * Follows the links of a name one by one, also where the last one leads to nothing yet.
 * @throws errors of the operating system: a folder that is not there, links in a circle
 */
export function placeOf(name: string): Place {
  let path = resolve(name);
  for (let links = 0; links <= LINKS; links++) {
    const folder = realpathSync(dirname(path));
    path = join(folder, basename(path));
    const descriptor = descriptorIn(folder, basename(path));
    if (descriptor !== null) return descriptorPlace(descriptor);
    const target = linkAt(path);
    if (target === null) {
      return { path, descriptor, stat: statSync(path, { throwIfNoEntry: false }) ?? null };
    }
    path = resolve(folder, target);
  }
  // Says ELOOP in the words of the system.
  return { path, descriptor: null, stat: statSync(name) };
}

/** The place behind an open descriptor. */
export function descriptorPlace(descriptor: number): Place {
  let stat: Stats | null = null;
  try {
    stat = fstatSync(descriptor);
  } catch {
    // Closed: writing says so.
  }
  return { path: `/dev/fd/${descriptor}`, descriptor, stat };
}

/**
 * Equal for two names of one file, whatever the names. Null for what two commands may share without harm: terminals,
 * `/dev/null`, the socket that is standard input and output of a remote shell.
 */
export function identityOf({ path, stat }: Place): string | null {
  if (stat === null) return `path ${path}`;
  return stat.isFile() || stat.isFIFO() || stat.isBlockDevice() ? `file ${stat.dev}:${stat.ino}` : null;
}

function descriptorIn(folder: string, name: string): number | null {
  const own = new RegExp(`^/proc/${process.pid}(/task/\\d+)?/fd$`);
  return (own.test(folder) || folder === '/dev/fd') && /^\d+$/.test(name) ? Number(name) : null;
}

function linkAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // No link, or nothing there.
    if (code === 'EINVAL' || code === 'ENOENT') return null;
    throw error;
  }
}
