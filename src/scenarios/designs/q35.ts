import { placed, q35Function } from '../../emulators/q35-functions.js';
import { QemuModel, type QemuModelOptions } from '../../emulators/qemu-model.js';
import type { MachineView } from '../../machine/program.js';
import type { PlacedFunction } from '../../models/qemu/create.js';
import type { FunctionBytes } from '../../models/qemu/image.js';
import type { Releases } from '../../policy/has.js';
import { cf8, guest, type Part } from '../ioreq/parts.js';

export const ECAM_BASE = 0xb000_0000;

/** A Q35 of QEMU with its memory controller hub and LPC bridge; `functions` count from 2 as parents. */
export const q35Qemu = (
  releases: Releases,
  options: Pick<QemuModelOptions, 'names' | 'configBytes'>,
  functions: readonly PlacedFunction[],
  pluggable: readonly FunctionBytes[] = [],
): QemuModel =>
  new QemuModel(
    { name: 'qemu', latencyNs: 20_000, ...options },
    {
      board: {
        kind: 'q35',
        ramBytes: 128 << 20,
        nativeHotplug: true,
        pciexbarMasks: 'qemu',
        lowMemoryOnly: false,
        smbaseSmram: true,
        releases,
      },
      functions: [placed(q35Function('mch'), 0), placed(q35Function('ICH9-LPC'), 0xf8), ...functions],
      pluggable,
    },
  );

/** Index of the first function given to `q35Qemu`. */
export const FIRST = 2;

/** PCIEXBAR as firmware sets it. @source facts/q35-qemu 1.3 */
export function* openEcam(machine: MachineView): Part {
  yield* cf8(machine, 0, 0x60, 4, 0);
  yield* cf8(machine, 0, 0x64, 4, 0);
  yield* cf8(machine, 0, 0x60, 4, ECAM_BASE + 1);
}

/** Ids and header type, as every scan reads them first. */
export function* identify(machine: MachineView, sbdf: number): Part {
  yield* cf8(machine, sbdf, 0x00, 4);
  yield* cf8(machine, sbdf, 0x0c, 4);
}

/** MSI of an ioh3420: two vectors from 0x40 on, to virtual CPU 0. @source facts/q35-qemu 2.7 */
export function* enablePortMsi(machine: MachineView, port: number): Part {
  yield* cf8(machine, port, 0x64, 4, 0xfee0_0000);
  yield* cf8(machine, port, 0x68, 2, 0x40);
  yield* cf8(machine, port, 0x62, 2, 0x0011);
}

/** The emulator has registered a range that starts here. */
export const untilMapped = (type: 0 | 1 | 2, start: number) => ({
  until: ({ ioreq }: MachineView['state']): boolean =>
    ioreq[guest]?.servers.some((server) => server?.ranges[type].starts.includes(start)) === true,
});
