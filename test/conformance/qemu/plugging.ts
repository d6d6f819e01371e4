import type { QemuRecord } from '../../../src/importers/qemu-log/record.js';
import { bridgeAbove, type QemuMachine } from '../../../src/models/qemu/machine.js';
import { functionById, plug, unplug } from '../../../src/models/qemu/plugging/hotplug.js';
import type { MachineState } from '../../../src/models/qemu/state.js';
import { HotAdded } from './hot-added.js';
import type { PlugCommand, RecordedBoot } from './recorded-boot.js';

/**
 * Carries out the monitor's hot-plug requests at the moment the machine did. The trace does not print them, so the
 * moment is taken from what only they can cause: a message no processor sent, the hot-plug bit of the ACPI events;
 * with timestamps also from the time of the request's answer.
 */
export class Plugging {
  readonly #machine: QemuMachine;
  readonly #boot: RecordedBoot;
  readonly #hotAdded: HotAdded;
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
    this.#hotAdded = new HotAdded(machine, boot.cold.args);
    this.#dueLine = this.#markerAfter(0);
  }

  /** Before a record is played. @returns requests were carried out just now */
  before(record: QemuRecord): boolean {
    const due = this.#due(record);
    const late = due.filter(({ untilUs }) => record.atUs >= untilUs && record.atUs >= 0).length;
    const count = Math.max(late, this.#revealed(record, due));
    for (const command of due.slice(0, count)) this.#apply(command);
    if (count === 0) return false;
    this.#next += count;
    this.#dueLine = this.#markerAfter(record.line);
    return true;
  }

  /** Requests that may have been made by now, in order. */
  #due(record: QemuRecord): readonly PlugCommand[] {
    const left = this.#boot.commands.slice(this.#next);
    if (left.length === 0) return left;
    if (record.atUs < 0) return record.line < this.#dueLine ? [] : left;
    const early = left.findIndex(({ fromUs }) => record.atUs < fromUs);
    return early < 0 ? left : left.slice(0, early);
  }

  /** How many of the due requests were made before this record, as far as it shows. */
  #revealed(record: QemuRecord, due: readonly PlugCommand[]): number {
    if (due.length === 0) return 0;
    if (record.kind === 'region-read' && record.name === 'acpi-gpe0') {
      const isNew = ((this.#machine.state.pm.gpe[0] ?? 0) & GPE_HOTPLUG) === 0;
      return isNew && (record.value & GPE_HOTPLUG) !== 0 ? 1 : 0;
    }
    if (record.kind === 'region-write' && record.cpu < 0) return this.#sends(due, record);
    return 0;
  }

  /** The fewest requests that send this message; 0 when none do. */
  #sends(due: readonly PlugCommand[], { address, value }: QemuRecord): number {
    const { state, effects } = this.#machine;
    const before = structuredClone(state);
    let count = 0;
    for (const [index, command] of due.slice(0, TRIALS).entries()) {
      const heard = effects.length;
      this.#apply(command);
      const sent = effects.splice(heard);
      if (sent.some((e) => e.kind === 'msi' && e.address === address && e.data === value)) {
        count = index + 1;
        break;
      }
    }
    restore(state, before);
    return count;
  }

  #apply(command: PlugCommand): void {
    const { args } = command;
    if (!command.add) {
      unplug(this.#machine, args['id'] ?? '');
      return;
    }
    plug(this.#machine, this.#hotAdded.request(args, this.#imageOf(command)));
  }

  /** The guest waits for requests after a marker: the first one behind `line`. */
  #markerAfter(line: number): number {
    const waits = this.#boot.markers.filter(({ marker }) => WAITING.test(marker));
    return waits.find(({ first_line }) => first_line > line)?.first_line ?? Number.POSITIVE_INFINITY;
  }
}

const WAITING = /^(after-dump-before|before-dump-step)/;
const GPE_HOTPLUG = 2;
/** Requests made at once: the functions of a slot. */
const TRIALS = 8;

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
