import type { QemuRecord } from '../../../src/importers/qemu-log/record.js';
import { functionById, plug, unplug } from '../../../src/models/qemu/hotplug.js';
import { bridgeAbove, type QemuMachine } from '../../../src/models/qemu/machine.js';
import type { MachineState } from '../../../src/models/qemu/state.js';
import type { PlugCommand, RecordedBoot } from './recorded-boot.js';

/**
 * Carries out the monitor's hot-plug requests at the moment the machine did. The trace does not print them, so the
 * moment is taken from what only they can cause: a message no processor sent, the hot-plug bit of the ACPI events;
 * with timestamps also from the time of the request's answer.
 */
export class Plugging {
  readonly #machine: QemuMachine;
  readonly #boot: RecordedBoot;
  readonly #imageOf: (command: PlugCommand) => number | undefined;
  #next = 0;
  /** Line from which the next request may have come, in a log without timestamps. */
  #dueLine: number;

  constructor(
    machine: QemuMachine,
    boot: RecordedBoot,
    imageOf: (command: PlugCommand) => number | undefined,
  ) {
    this.#machine = machine;
    this.#boot = boot;
    this.#imageOf = imageOf;
    this.#dueLine = this.#markerAfter(0);
  }

  /** Before a record is played. @returns a request was carried out just now */
  before(record: QemuRecord): boolean {
    const command = this.#boot.commands[this.#next];
    if (command === undefined) return false;
    if (record.atUs >= 0 ? record.atUs < command.fromUs : record.line < this.#dueLine) return false;
    const late = record.atUs >= command.untilUs && record.atUs >= 0;
    if (!late && !this.#reveals(record, command)) return false;
    this.#apply(command);
    this.#next += 1;
    this.#dueLine = this.#markerAfter(record.line);
    return true;
  }

  #reveals(record: QemuRecord, command: PlugCommand): boolean {
    if (record.kind === 'region-read' && record.name === 'acpi-gpe0') {
      return (record.value & GPE_HOTPLUG) !== 0 && (this.#machine.state.pm.gpe[0]! & GPE_HOTPLUG) === 0;
    }
    if (record.kind === 'region-write' && record.name === 'apic-msi' && record.cpu < 0) {
      return this.#trial(command, record.address, record.value);
    }
    return false;
  }

  /** Whether the request would send this message. */
  #trial(command: PlugCommand, address: number, data: number): boolean {
    const { state, effects } = this.#machine;
    const before = structuredClone(state);
    const heard = effects.length;
    this.#apply(command);
    const sent = effects.splice(heard);
    restore(state, before);
    return sent.some((effect) => effect.kind === 'msi' && effect.address === address && effect.data === data);
  }

  #apply(command: PlugCommand): void {
    const { args } = command;
    if (!command.add) {
      unplug(this.#machine, args['id'] ?? '');
      return;
    }
    const [device = '0', fn = '0'] = (args['addr'] ?? '0').replace(/^0x/, '').split('.');
    const image = this.#imageOf(command);
    plug(this.#machine, {
      driver: args['driver'] ?? '',
      id: args['id'] ?? '',
      bus: args['bus'] ?? '',
      devfn: Number.parseInt(device, 16) * 8 + Number.parseInt(fn, 16),
      ...(image === undefined ? {} : { image }),
    });
  }

  /** The guest waits for requests after a marker: the first one behind `line`. */
  #markerAfter(line: number): number {
    const waits = this.#boot.markers.filter(({ marker }) => WAITING.test(marker));
    return waits.find(({ first_line }) => first_line > line)?.first_line ?? Number.POSITIVE_INFINITY;
  }
}

const WAITING = /^(after-dump-before|before-dump-step)/;
const GPE_HOTPLUG = 2;

/** Puts a state back in place: others hold on to the object. What was derived from the trial is stale. */
function restore(state: MachineState, before: MachineState): void {
  const { mapVersion } = state;
  Object.assign(state, before, { mapVersion: mapVersion + 1 });
}

/** Path of devfns a request's device gets, as `devices.json` names it. */
export function pathOf(machine: QemuMachine, command: PlugCommand): string {
  const own = normalise(command.args['addr'] ?? '0');
  const parts = [own];
  for (
    let at = functionById(machine, command.args['bus'] ?? '');
    at !== null;
    at = bridgeAbove(machine, at)
  ) {
    parts.unshift(`${(at.devfn >>> 3).toString(16).padStart(2, '0')}.${at.devfn & 7}`);
  }
  return parts.join('/');
}

function normalise(address: string): string {
  const [device = '0', fn = '0'] = address.replace(/^0x/, '').split('.');
  return `${Number.parseInt(device, 16).toString(16).padStart(2, '0')}.${Number.parseInt(fn, 16)}`;
}
