import { overlaps } from '../../../pci/header.js';
import { sriov } from '../../../pci/sriov.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { addFunction, removeFunction } from '../plugging/plug.js';
import { get16, set16 } from '../registers.js';
import type { FunctionState } from '../state.js';

const VF_ENABLE = 1;

const virtualFunctions = (machine: QemuMachine, fn: FunctionState): FunctionState[] => {
  const index = machine.state.functions.indexOf(fn);
  return machine.state.functions.flatMap((vf) => (vf !== null && vf.physical === index ? [vf] : []));
};

/**
 * A write of the control byte: VF enable makes NumVFs functions appear at once, and clearing it takes them away.
 * QEMU judges the written data, shifted to where the write began.
 */
export function sriovWritten(
  machine: QemuMachine,
  fn: FunctionState,
  from: number,
  sizeBytes: number,
  value: number,
): void {
  const { sriov: cap } = imageOf(machine, fn);
  if (cap === null || from < cap || from >= cap + sriov.sizeBytes) return;
  if (!overlaps(from, sizeBytes, cap + sriov.control, 1)) return;
  const present = virtualFunctions(machine, fn);
  if (present.length > 0) {
    if ((value & VF_ENABLE) === 0) disableVfs(machine, fn);
  } else if ((value & VF_ENABLE) !== 0) {
    enableVfs(machine, fn, cap);
  }
}

function enableVfs(machine: QemuMachine, fn: FunctionState, cap: number): void {
  const count = get16(machine, fn, cap + sriov.numVfs);
  const image = imageOf(machine, fn).virtualFunction;
  if (count > get16(machine, fn, cap + sriov.totalVfs) || image === null) return;
  const physical = machine.state.functions.indexOf(fn);
  const first = fn.devfn + get16(machine, fn, cap + sriov.vfOffset);
  const stride = get16(machine, fn, cap + sriov.vfStride);
  for (let i = 0; i < count; i++) {
    const devfn = first + i * stride;
    if (devfn > 0xff || machine.state.buses[fn.bus]!.devices[devfn] !== undefined) return;
    const placement = { image, id: '', bus: fn.bus, devfn, hotplugged: true, physical, virtualNumber: i };
    machine.wiring.announceVirtual(machine, addFunction(machine, placement));
  }
}

/** Takes the virtual functions of `fn` away; NumVFs becomes 0. */
function disableVfs(machine: QemuMachine, fn: FunctionState): void {
  const { sriov: cap } = imageOf(machine, fn);
  if (cap === null) return;
  for (const vf of virtualFunctions(machine, fn)) removeFunction(machine, vf);
  set16(machine, fn, cap + sriov.numVfs, 0);
}

/** A function level reset of the physical function while VF enable is set. */
export function resetSriov(machine: QemuMachine, fn: FunctionState): void {
  const { sriov: cap } = imageOf(machine, fn);
  if (cap === null || (get16(machine, fn, cap + sriov.control) & VF_ENABLE) === 0) return;
  if (virtualFunctions(machine, fn).length > 0) disableVfs(machine, fn);
}
