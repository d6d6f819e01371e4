import { portType } from '../image.js';
import { bridgeAbove, busNumber, imageOf, type QemuMachine } from '../machine.js';
import type { FunctionState } from '../state.js';

/**
 * A function stores a dword: how MSI and MSI-X leave it. Lost unless the function's own bus-master gate is open;
 * bridge windows and the bridges' bus-master bits do not filter. Any address works, RAM and ECAM included.
 * @source facts/q35-qemu 2.5, 2.10
 */
export function dmaWrite32(machine: QemuMachine, fn: FunctionState, address: number, data: number): void {
  if (!fn.busMaster) return;
  machine.effects.push({ kind: 'msi', requester: requesterId(machine, fn), address, data: data >>> 0 });
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, data, true);
  machine.wiring.store(machine, address, bytes);
}

/**
 * The requester id the root complex sees: behind a PCIe-to-PCI bridge its secondary bus with devfn 0, behind a
 * conventional bridge the bridge nearest the root.
 * @source facts/q35-qemu 2.11
 */
export function requesterId(machine: QemuMachine, fn: FunctionState): number {
  let source = fn;
  let asBus = false;
  for (let at = fn, above = bridgeAbove(machine, at); above !== null; above = bridgeAbove(machine, at)) {
    const image = imageOf(machine, above);
    if (image.express === null) {
      source = above;
      asBus = false;
    } else if (image.portType === portType.pciBridge) {
      source = at;
      asBus = true;
    }
    at = above;
  }
  return (busNumber(machine, source.bus) << 8) | (asBus ? 0 : source.devfn);
}
