import type { DataOf, InputEvent } from '../../src/events/catalogue.js';
import type { RecordObject } from '../../src/events/field.js';
import type { CallerSbdf, Dom0Sbdf } from '../../src/pci/sbdf.js';
import { segmentOf } from '../../src/pci/sbdf.js';
import { deviceNamed, dom0Name, meantByDom0 } from '../../src/rules/names.js';
import type { Env } from '../../src/state/env.js';
import type { ReadonlyWorld } from '../../src/state/world.js';

interface View {
  readonly state: ReadonlyWorld;
  readonly env: Env;
}

/**
 * The same input in a run where Dom0 numbers its bridges otherwise: a name in Dom0's numbering becomes the name the
 * other run's Dom0 has for the same function. Names Dom0 has no bridge for stay as they are.
 */
export function renameInput(input: InputEvent, recorded: View, other: View): InputEvent {
  if (input.kind === 'config.requested') {
    if (recorded.state.domains[input.data.domid]?.hardware !== true) return input;
    const renamed = rename(input.data.sbdf as number as Dom0Sbdf, recorded, other);
    if (renamed === null || (renamed as number) === input.data.sbdf) return input;
    return { ...input, data: { ...input.data, sbdf: renamed as number as CallerSbdf } };
  }
  if (input.kind === 'hypercall.issued') {
    const { data } = input;
    if (recorded.state.domains[data.domid]?.hardware !== true) return input;
    const name = deviceNamed(data.hypercall, data.op, data.args);
    const renamed = name === null ? null : rename(name as number as Dom0Sbdf, recorded, other);
    if (renamed === null || (renamed as number) === name) return input;
    return { ...input, data: { ...data, args: withSegment(data, segmentOf(renamed)) } };
  }
  return input;
}

function rename(name: Dom0Sbdf, recorded: View, other: View): Dom0Sbdf | null {
  const meant = meantByDom0(recorded.state, recorded.env, name);
  // Several names may stand for one function; the one that was used stays where it still does.
  if (meant !== null && meantByDom0(other.state, other.env, name) === meant) return name;
  return meant === null ? null : dom0Name(other.state, other.env, meant);
}

/** The arguments with another segment; operations whose struct has none keep theirs. */
function withSegment({ hypercall, op, args }: DataOf<'hypercall.issued'>, segment: number): RecordObject {
  if (hypercall === 'domctl') {
    // Flat, or inside the structure's `pci`, as the recording has it.
    const flat = args['machine_sbdf'] !== undefined;
    const pci = flat ? args : (args['pci'] as RecordObject);
    const bdf = Number(pci['machine_sbdf']) % 0x1_0000;
    const named = { ...pci, machine_sbdf: segment * 0x1_0000 + bdf };
    return flat ? named : { ...args, pci: named };
  }
  if (op === 'pci_device_reset') return { ...args, dev: { ...(args['dev'] as RecordObject), seg: segment } };
  return 'seg' in args ? { ...args, seg: segment } : args;
}
