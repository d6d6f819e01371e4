import { signalAcpi } from './acpi-hotplug.js';
import { imageOf, type QemuMachine } from './machine.js';
import { addFunction } from './plug.js';
import { looksDown, refusesPlug, requestUnplug, slotPlugged, slotPoweredByAcpi } from './slot.js';
import type { FunctionState } from './state.js';

/** A request to add a device, as the monitor's `device_add` takes it. */
export interface PlugRequest {
  readonly driver: string;
  readonly id: string;
  /** Name of the bus: a bridge's id, or the root bus. */
  readonly bus: string;
  readonly devfn: number;
  /** Index of the image it is made of; without it the last one of that driver. */
  readonly image?: number;
}

const ROOT_BUS = { q35: 'pcie.0', pc: 'pci.0', virt: 'pcie.0' } as const;

export function functionById(machine: QemuMachine, id: string): FunctionState | null {
  return machine.state.functions.find((fn) => fn !== null && fn.id === id) ?? null;
}

/** Index of the bus with a name; null when there is none. */
function busByName(machine: QemuMachine, name: string): number | null {
  if (name === ROOT_BUS[machine.board.kind] || name === '') return 0;
  return functionById(machine, name)?.secondary ?? null;
}

/** Whether the slot's own registers (not ACPI) run hot-plug on the bus of a port. */
const nativeSlot = (machine: QemuMachine, port: FunctionState): boolean =>
  looksDown(imageOf(machine, port).portType) &&
  (machine.board.nativeHotplug || machine.board.kind === 'virt' || port.hotplugged);

/**
 * Adds a device. Natively the guest learns of it from the slot registers, else from ACPI.
 * @returns null when it was added; QEMU's text when it refuses; `unmodelled` when the model has no such device or
 *   no such controller.
 * @source facts/q35-qemu 2.8
 */
export function plug(machine: QemuMachine, request: PlugRequest): string | null {
  const bus = busByName(machine, request.bus);
  if (bus === null) return `Bus '${request.bus}' not found`;
  if (request.id !== '' && functionById(machine, request.id) !== null) {
    return `Duplicate device ID '${request.id}'`;
  }
  const image =
    request.image ?? machine.images.findLastIndex((candidate) => candidate.type === request.driver);
  if (image < 0) return UNKNOWN_DEVICE;
  const bridge = machine.state.buses[bus]!.bridge;
  const port = bridge === null ? null : machine.state.functions[bridge]!;
  const native = port !== null && nativeSlot(machine, port);
  const selected = machine.state.bsel.includes(bus);
  if (!native && !selected) return UNKNOWN_DEVICE;
  if (native) {
    const refusal = refusesPlug(machine, port);
    if (refusal !== null) return refusal;
  }
  if (machine.state.buses[bus]!.devices[request.devfn] !== undefined) return UNKNOWN_DEVICE;
  addFunction(machine, { image, id: request.id, bus, devfn: request.devfn, hotplugged: true });
  if (native) {
    slotPlugged(machine, port);
  } else {
    if (port !== null && looksDown(imageOf(machine, port).portType)) slotPoweredByAcpi(machine, port);
    signalAcpi(machine, bus, request.devfn >>> 3, true);
  }
  return null;
}

/** Not an answer of QEMU's: the model cannot tell what the request leads to. */
export const UNKNOWN_DEVICE = 'unmodelled';

/** Asks for a device to leave. @returns null when the request was taken, else QEMU's text or `unmodelled` */
export function unplug(machine: QemuMachine, id: string): string | null {
  const fn = functionById(machine, id);
  if (fn === null) return `Device '${id}' not found`;
  // The time after which a request may be repeated never passes on a stopped clock.
  if (fn.unplugPending) return `Device ${id} is already in the process of unplug`;
  const bridge = machine.state.buses[fn.bus]!.bridge;
  const port = bridge === null ? null : machine.state.functions[bridge]!;
  if (port !== null && nativeSlot(machine, port)) return requestUnplug(machine, port, fn);
  if (!machine.state.bsel.includes(fn.bus)) {
    return bridge === null
      ? `Bus '${ROOT_BUS[machine.board.kind]}' does not support hotplugging`
      : UNKNOWN_DEVICE;
  }
  fn.unplugPending = true;
  signalAcpi(machine, fn.bus, fn.devfn >>> 3, false);
  return null;
}
