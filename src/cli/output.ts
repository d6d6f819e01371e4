import { accessSync, closeSync, constants, openSync, readSync } from 'node:fs';
import { isatty } from 'node:tty';
import { Trouble } from '../base/errors.js';
import { createFile } from '../log/file-target.js';
import { encodePreamble } from '../log/frame.js';
import { descriptorPlace, identityOf, type Place, placeOf } from '../log/place.js';
import type { TraceTarget } from '../log/stores/store.js';
import { interruptible, outIsTerminal, printBytes, printDocument, systemTrouble } from './io.js';

/** What a file holds; decides what it may replace without `--force`, and whether a terminal may show it. */
export interface OutputKind {
  readonly name: string;
  readonly binary: boolean;
  /** Whether a file that begins so is an earlier one of this kind. */
  isOne(head: Uint8Array): boolean;
}

const text = (head: Uint8Array): string => new TextDecoder('latin1').decode(head);

export const outputKinds = {
  trace: { name: 'trace', binary: true, isOne: (head) => preamble.every((byte, i) => head[i] === byte) },
  junit: {
    name: 'JUnit report',
    binary: false,
    isOne: (head) => text(head).includes('<testsuites name="xpr '),
  },
  sarif: {
    name: 'SARIF report',
    binary: false,
    isOne: (head) => /"\$schema": ".*sarif-2\.1\.0\.json"/.test(text(head)),
  },
} as const satisfies Record<string, OutputKind>;

/** The magic of a trace, whatever the version. */
const preamble = encodePreamble().subarray(0, 8);
/** Bytes looked at to tell what stands in the way. */
const HEAD_BYTES = 4_096;

export interface OutputRules {
  /** Every file the command reads, as given; `-` is standard input. */
  readonly inputs: readonly string[];
  /** Other files the command writes. */
  readonly others?: readonly string[];
  /** The options of the verb: `--force`, `--json`. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** An output that may be written: nothing is lost by it. */
export interface Output {
  /** As the user gave it. */
  readonly name: string;
  /** Standard output, by whatever name: other data stays away from it. */
  readonly isStandard: boolean;
  /** Runs `work` on the file. When it throws, or the user presses Ctrl-C, nothing of it is left. */
  write<T>(work: (target: TraceTarget) => T | Promise<T>): Promise<T>;
}

/**
 * Looks at an output before any work is done.
 * @throws {Trouble} OUT-001 it is an input, OUT-002 it would replace something else, OUT-003 binary for a terminal,
 *   OUT-004 it is another output, OUT-005 it cannot be a file, OUT-006 nobody reads the pipe, CLI-013, IO-001
 */
export function chooseOutput(name: string, kind: OutputKind, rules: OutputRules): Output {
  const place = name === '-' ? descriptorPlace(1) : inFile(name, () => placeOf(name));
  const isStandard = place.descriptor === 1;
  if (isStandard && rules.options['json'] === true) {
    throw new Trouble('CLI-013', 'standard output takes either the file or the JSON document', {
      hint: 'leave --json out or name a file',
    });
  }
  refuseSame(name, place, rules);
  if (kind.binary && isTerminal(place)) {
    throw new Trouble('OUT-003', `a ${kind.name} is binary and stays away from a terminal`, {
      file: name,
      hint: 'name a file, or pipe it into another command',
    });
  }
  if (place.descriptor === null) refuseLoss(name, place, kind, rules.options['force'] === true);
  return {
    name,
    isStandard,
    write: (work) => written(() => (isStandard ? standardTarget(kind) : fileTarget(name)), work),
  };
}

async function written<T>(
  open: () => TraceTarget,
  work: (target: TraceTarget) => T | Promise<T>,
): Promise<T> {
  let target: TraceTarget | null = null;
  try {
    return await interruptible(() => {
      target = open();
      return work(target);
    });
  } catch (error) {
    (target as TraceTarget | null)?.abandon();
    throw error;
  }
}

/** Output, inputs and other outputs are different files, by whatever names. */
function refuseSame(name: string, place: Place, { inputs, others = [] }: OutputRules): void {
  const own = identityOf(place);
  const same = (other: string, standard: 0 | 1): boolean =>
    (other === name && name !== '-') || (own !== null && identityAt(other, standard) === own);
  const input = inputs.find((other) => same(other, 0));
  if (input !== undefined) {
    throw new Trouble('OUT-001', 'the output is also an input', {
      file: name,
      actual: input === name ? name : `${name} is the same file as ${input}`,
      hint: 'write to another file',
    });
  }
  const other = others.find((one) => same(one, 1) || (place.descriptor === 1 && one === '-'));
  if (other !== undefined) {
    throw new Trouble('OUT-004', 'two outputs are one file', {
      file: name,
      actual: `${name} and ${other}`,
      hint: 'write to two files',
    });
  }
}

/** What cannot be looked at has no identity: reading it says why. */
function identityAt(name: string, standard: 0 | 1): string | null {
  try {
    return identityOf(name === '-' ? descriptorPlace(standard) : placeOf(name));
  } catch {
    return null;
  }
}

function isTerminal({ descriptor, stat, path }: Place): boolean {
  if (descriptor === 1) return outIsTerminal();
  if (descriptor !== null) return isatty(descriptor);
  if (stat?.isCharacterDevice() !== true) return false;
  try {
    const opened = openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
    try {
      return isatty(opened);
    } finally {
      closeSync(opened);
    }
  } catch {
    return false;
  }
}

/** Nothing that xpr did not write itself is replaced unless the user says so. */
function refuseLoss(name: string, { path, stat }: Place, kind: OutputKind, force: boolean): void {
  if (stat === null) return;
  if (stat.isDirectory()) {
    throw new Trouble('OUT-005', 'the output is a folder', { file: name, hint: 'name a file in it' });
  }
  if (force || stat.isFIFO() || stat.isCharacterDevice() || stat.isSocket()) return;
  const refuse = (actual: string): never => {
    throw new Trouble('OUT-002', `the output exists and is no ${kind.name}`, {
      file: name,
      actual,
      hint: '--force replaces it',
    });
  };
  if (stat.isBlockDevice()) refuse('a block device');
  if ((stat.mode & 0o222) === 0 || !mayWrite(path)) refuse('a file that is write-protected');
  if (stat.size > 0 && !kind.isOne(headOf(path))) refuse(`another file of ${stat.size} bytes`);
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function headOf(path: string): Uint8Array {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const bytes = new Uint8Array(HEAD_BYTES);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return new Uint8Array();
  }
}

/** Standard output gets a trace once it is whole, text as it comes. */
function standardTarget({ binary }: OutputKind): TraceTarget {
  let parts: Uint8Array[] = [];
  const drop = (): void => {
    parts = [];
  };
  return {
    write: (bytes) => {
      if (binary) parts.push(bytes.slice());
      else printDocument(bytes);
    },
    commit: () => {
      for (const part of parts) printBytes(part);
      drop();
    },
    abandon: drop,
  };
}

/** A file whose errors name it as the user did. */
function fileTarget(name: string): TraceTarget {
  const target = inFile(name, () => createFile(name));
  return {
    write: (bytes) => inFile(name, () => target.write(bytes)),
    commit: () => inFile(name, () => target.commit()),
    abandon: () => inFile(name, () => target.abandon()),
  };
}

function inFile<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const system = error as NodeJS.ErrnoException;
    if (typeof system.code !== 'string' || typeof system.syscall !== 'string') throw error;
    if (system.code === 'ENXIO') {
      throw new Trouble('OUT-006', 'nobody reads the pipe', { file: name, hint: 'start its reader first' });
    }
    throw systemTrouble(system, name);
  }
}
