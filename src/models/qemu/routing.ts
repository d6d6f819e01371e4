import { bridgeControl, reg } from '../../pci/header.js';
import { busNumber, functionsOn, imageOf, type QemuMachine } from './machine.js';
import { get8, get16 } from './registers.js';
import type { FunctionState } from './state.js';

/**
 * The function a bus number and devfn reach from the root bus; null when nobody is there.
 * @cost O(buses on the way)
 */
export function findFunction(machine: QemuMachine, bus: number, devfn: number): FunctionState | null {
  const at = findBus(machine, bus);
  if (at === null) return null;
  const index = machine.state.buses[at]!.devices[devfn];
  return index === undefined ? null : machine.state.functions[index]!;
}

/**
 * The bus a number reaches. Per level the buses are tried newest first: an equal SECONDARY number is taken at once,
 * else the first bridge whose [SECONDARY, SUBORDINATE] holds the number (and which is not in bus reset) is entered
 * for good; there is no way back. Bounded by the depth of the tree, whatever the registers say: loops of bus numbers
 * and secondary above subordinate only make buses unreachable.
 * @source facts/q35-qemu 2.4
 */
function findBus(machine: QemuMachine, number: number): number | null {
  if (number === 0) return 0;
  let level = 0;
  for (;;) {
    let entered: number | null = null;
    for (const child of machine.state.buses[level]!.children) {
      if (busNumber(machine, child) === number) return child;
      if (claims(machine, child, number)) {
        entered = child;
        break;
      }
    }
    if (entered === null) return null;
    level = entered;
  }
}

/** A bridge claims its range; an expander's bus claims what any bridge on it does. */
function claims(machine: QemuMachine, bus: number, number: number): boolean {
  const { bridge: above, number: fixed } = machine.state.buses[bus]!;
  if (fixed !== null) return functionsOn(machine, bus).some((fn) => inRange(machine, fn, number));
  return inRange(machine, machine.state.functions[above!]!, number);
}

function inRange(machine: QemuMachine, bridge: FunctionState, number: number): boolean {
  if (!imageOf(machine, bridge).isBridge) return false;
  if ((get16(machine, bridge, reg.bridgeControl) & bridgeControl.busReset) !== 0) return false;
  return (
    get8(machine, bridge, reg.secondaryBus) <= number && number <= get8(machine, bridge, reg.subordinateBus)
  );
}
