import { limits } from '../../src/base/limits.js';
import { type InputEvent, kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import { ledgerOf, recoveryOf } from '../../src/models/libxl/leftovers.js';
import { parseSpec } from '../../src/models/libxl/spec.js';
import { whoKnows } from '../../src/models/libxl/who-knows.js';
import { type Dom0Sbdf, formatSbdf } from '../../src/pci/sbdf.js';
import type { Env } from '../../src/state/env.js';
import type { ReadonlyWorld } from '../../src/state/world.js';
import { DmaLines } from './dma-line.js';
import { Lines } from './lines.js';

/** What happened in one step of a life cycle, in one design. */
export interface StepReport {
  /** `happens`: no command, so nothing to succeed or fail. */
  readonly result: 'done' | 'failed' | 'killed' | 'nobody' | 'unfinished' | 'happens';
  /** Errors and warnings as they were printed, and what the machine itself said of its owner. */
  readonly messages: readonly string[];
  /** What the command printed. */
  readonly printed: readonly string[];
  /** `<who> <method>`, or `<who> none` where a device has no reset method. */
  readonly resets: readonly string[];
  /** Where requests of devices ended, one entry each: `0000:01:00.0 memory of d2`. */
  readonly dma: readonly string[];
  /** Virtual functions the guests' frontends have found. */
  readonly guestSees: number;
  /** Rules broken in this step. */
  readonly findings: readonly string[];
  /** What an accident made somebody forget, of any device a command spoke of: `0000:01:00.0 XenStore: driver was nvme`. */
  readonly lost: readonly string[];
  /** What each of the parties that keep books says afterwards, for the devices in question. */
  readonly knows: readonly Knowledge[];
}

export interface Knowledge {
  readonly device: string;
  readonly standing: string;
  readonly xen: string;
  readonly kernel: string;
  readonly store: string;
  /** What has to go along with the device, and who knows; null where nobody has the device on a bus of his. */
  readonly group: string | null;
  readonly resetter: string;
  /** After a kill or an accident, what an administrator does to have the device assignable again; else empty. */
  readonly wayBack: readonly string[];
}

/** A step as the recording has it. */
export interface LifeCycleStep {
  /** Place of its input in the recording. */
  readonly seq: number;
  readonly title: string;
}

/** What an administrator, a guest or an accident does; null for turns within such a step. */
export const stepTitle = (input: InputEvent): string | null => kindOf(input.kind).step(input.data);

interface Draft {
  result: StepReport['result'];
  readonly messages: Lines;
  readonly printed: Lines;
  readonly resets: Lines;
  readonly dma: Lines;
  /** Messages of the step so far: one said twice counts once. */
  readonly said: Set<string>;
}

/** Follows one run from step to step. Only the report of the step at hand is open, and only the first steps are reported. */
export class LifeCycleBook {
  readonly #reports = new Map<number, StepReport>();
  readonly #env: Env;
  readonly #dma: DmaLines;
  /** What was known of a device when the last step ended. */
  readonly #facts = new Map<Dom0Sbdf, readonly string[]>();
  #seq: number | null = null;
  #draft: Draft = emptyDraft();
  /** The step at hand is none that anybody wants. */
  #isAccident = false;
  /** Devices the last command spoke of. */
  #devices: readonly Dom0Sbdf[] = [];

  constructor(env: Env) {
    this.#env = env;
    this.#dma = new DmaLines(env);
  }

  /** A step begins. @param world The run's state before it; the step before it ends there */
  begin(seq: number, input: InputEvent, world: ReadonlyWorld, newFindings: readonly string[]): void {
    this.end(world, newFindings);
    this.#seq = seq;
    this.#draft = emptyDraft();
    this.#isAccident = kindOf(input.kind).accident;
    if (input.kind !== 'toolstack.requested') return;
    this.#draft.result = 'unfinished';
    const named = input.data.devices.split(' ').flatMap((text) => {
      const parsed = parseSpec(text);
      return 'spec' in parsed && parsed.spec.device !== null ? [parsed.spec.device] : [];
    });
    if (named.length > 0) this.#devices = named.slice(0, limits.whatIfDevices);
  }

  /** @param world The run's state with the event in it */
  see(event: TraceEvent, world: ReadonlyWorld): void {
    const draft = this.#draft;
    const request = this.#dma.lineOf(event, world);
    if (request !== null) draft.dma.add(request);
    const note = kindOf(event.kind).note(event.data, event.by);
    if (note === null) return;
    draft.result = note.result ?? draft.result;
    if (note.message !== undefined) this.#say(note.message);
    if (note.printed !== undefined) draft.printed.add(note.printed);
    if (note.reset !== undefined) draft.resets.add(note.reset);
  }

  /** The step at hand ends. */
  end(world: ReadonlyWorld, findings: readonly string[]): void {
    if (this.#seq === null) return;
    for (const device of this.#devices) {
      if (!this.#facts.has(device) && this.#facts.size < limits.whatIfDevices) this.#facts.set(device, []);
    }
    const forgotten = this.#forgotten(world);
    const { result, messages, printed, resets, dma } = this.#draft;
    const report = (): StepReport => ({
      result,
      messages: messages.list,
      printed: printed.list,
      resets: resets.list,
      dma: dma.list,
      guestSees: Object.values(world.pcifront).reduce((sum, front) => sum + front.devices.length, 0),
      findings: [...new Set(findings)],
      lost: forgotten,
      knows: this.#devices.map((device) => this.#knowledge(device, world)),
    });
    if (this.#reports.size < limits.whatIfSteps) this.#reports.set(this.#seq, report());
    this.#seq = null;
  }

  #say(message: string): void {
    const { said, messages } = this.#draft;
    if (said.has(message)) return;
    if (said.size < limits.whatIfLines) said.add(message);
    messages.add(message);
  }

  #knowledge(device: Dom0Sbdf, world: ReadonlyWorld): Knowledge {
    return {
      device: formatSbdf(device),
      ...ledgerOf(world, device),
      ...whoKnows({ state: world, env: this.#env }, device),
      wayBack: this.#isAccident ? recoveryOf(world, device) : [],
    };
  }

  /** What is known now; what was and is not, of every device. */
  #forgotten(world: ReadonlyWorld): readonly string[] {
    const lost: string[] = [];
    // What changes elsewhere is meant to.
    for (const [device, before] of this.#facts) {
      const now = factsOf(ledgerOf(world, device));
      lost.push(...before.filter((one) => !now.includes(one)).map((one) => `${formatSbdf(device)} ${one}`));
      this.#facts.set(device, now);
    }
    return this.#isAccident ? lost : [];
  }

  reportOf(seq: number): StepReport | undefined {
    return this.#reports.get(seq);
  }
}

/** What a party says when it knows nothing. */
const nothing = ['unknown', 'nobody', 'not there', 'no driver', 'nothing'];

/** Single facts of a ledger, each with the party that keeps it. */
const factsOf = ({ xen, kernel, store }: Pick<Knowledge, 'xen' | 'kernel' | 'store'>): readonly string[] =>
  (
    [
      ['Xen', xen],
      ['Linux', kernel],
      ['XenStore', store],
    ] as const
  ).flatMap(([party, text]) =>
    text
      .split(', ')
      .filter((one) => !nothing.includes(one))
      .map((one) => `${party}: ${one}`),
  );

const emptyDraft = (): Draft => ({
  result: 'happens',
  messages: new Lines(),
  printed: new Lines(),
  resets: new Lines(),
  dma: new Lines(),
  said: new Set(),
});
