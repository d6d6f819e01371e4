/*
 * What changed in QEMU, as far as the models follow it. A row is added as in xen.ts. `by: 'machine'` marks a change that
 * a machine type brings (`-M pc-q35-7.2` keeps the old way in every QEMU); the others come with the program.
 */
import type { Change } from './change.js';

/** A published minor of QEMU. */
export type QemuFirst = `${7 | 8 | 9}.${0 | 1 | 2}` | `10.${0 | 1 | 2}`;

export interface QemuChange extends Change<QemuFirst> {
  readonly by: 'program' | 'machine';
}

export const qemuChanges = {} as const satisfies Record<string, QemuChange>;
