import type { ToolstackOp } from '../../../src/events/kinds/toolstack.js';
import type { Asked, Plan } from './plan.js';
import { bdfOf, configured, guestOf, nameOf, type Typed, typedCommands } from './typed.js';

/** What of the world a command's words mean. */
export interface Meaning {
  /** Domain of a guest's name. */
  domid(name: string): number | null;
  /** Device of a name given with `assignable-add -n`. */
  device(name: string): string | null;
}

/** A command as it was typed, ready for the models. */
export interface Given {
  readonly op: ToolstackOp;
  readonly domid: number | null;
  readonly devices: readonly string[];
  readonly options: Record<string, string | boolean>;
  readonly typed: Typed;
}

/** What the files say of the command behind a plan. */
export interface Found {
  /** Commands typed before it that left no trace in XenStore. */
  readonly before: readonly Given[];
  readonly typed: Typed | null;
  readonly known: 'typed' | 'not typed' | 'no file names commands' | 'a list';
}

const typedOps: ReadonlySet<string> = new Set([
  'assignable-add',
  'assignable-remove',
  'assignable-list',
  'attach',
  'detach',
]);

/** The commands somebody typed, in order; whoever goes through the recording takes them off. */
export class Commands {
  readonly #left: Typed[];
  readonly #named: boolean;
  /** The log holds every command with its arguments. */
  readonly complete: boolean;
  readonly #configs: ReadonlyMap<string, readonly string[]>;

  constructor(jobLog: string, configs: readonly string[]) {
    const { commands, complete } = typedCommands(jobLog);
    this.#left = [...commands];
    this.#named = commands.length > 0;
    this.complete = complete;
    this.#configs = new Map(configs.map((text) => [guestOf(text) ?? '', configured(text)]));
  }

  /** Whether any file names commands about devices. */
  get namesCommands(): boolean {
    return this.#named;
  }

  find(plan: Plan, meaning: Meaning): Found {
    if (!typedOps.has(plan.op)) return { before: [], typed: null, known: 'not typed' };
    if (!this.#named) return { before: [], typed: null, known: 'no file names commands' };
    const at = this.#left.findIndex((typed) => fits(typed, plan, meaning));
    // Whoever only looks may be nobody's command: it is the next one, or one behind those that may leave no trace.
    const looks = plan.onlyLooked || plan.op === 'assignable-list';
    const isNext = this.#left
      .slice(0, at)
      .every(({ op }) => op === 'assignable-add' || op === 'assignable-remove');
    if (at < 0 || (looks && !isNext)) return { before: [], typed: null, known: 'not typed' };
    const before = this.#left.splice(0, at).flatMap((typed) => given(typed, meaning) ?? []);
    const typed = this.#left.shift()!;
    return { before, typed, known: typed.op === 'list' ? 'a list' : 'typed' };
  }

  /** What was typed after everything the log has traces of. */
  rest(meaning: Meaning): readonly Given[] {
    return this.#left.splice(0).flatMap((typed) => given(typed, meaning) ?? []);
  }

  /** Devices of a new guest as its file gives them; null without a file, or when they are others by now. */
  configured(guest: string, devices: readonly Asked[], meaning: Meaning): readonly string[] | null {
    const list = this.#configs.get(guest);
    if (list === undefined || list.length !== devices.length) return null;
    const isSame = (text: string, one: Asked): boolean => {
      const name = nameOf(text);
      return name === null ? bdfOf(text) === one.bdf : one.name === name || meaning.device(name) === one.bdf;
    };
    return list.every((text, i) => isSame(text, devices[i]!)) ? list : null;
  }
}

function fits(typed: Typed, plan: Plan, meaning: Meaning): boolean {
  const guest = typed.guest === null ? null : meaning.domid(typed.guest);
  if (plan.onlyLooked && plan.op === 'detach')
    return (typed.op === 'detach' || typed.op === 'list') && guest === plan.domid;
  if (typed.op !== plan.op) return false;
  if (typed.op === 'assignable-list') return true;
  const one = plan.devices[0];
  // A refused removal looked at the list of names and at nothing that says which device it was about.
  if (one === undefined) return plan.onlyLooked;
  const name = nameOf(typed.device);
  if (name === null) return bdfOf(typed.device) === one.bdf;
  return one.name === name || one.name === '?' || meaning.device(name) === one.bdf;
}

/** Null where it concerns a guest that is not there: xl ends before libxl does anything. */
function given(typed: Typed, meaning: Meaning): Given | null {
  if (typed.op === 'list' || typed.op === 'assignable-list') return null;
  const withGuest = typed.op === 'attach' || typed.op === 'detach';
  const domid = typed.guest === null ? null : meaning.domid(typed.guest);
  if (withGuest && domid === null) return null;
  return { op: typed.op, domid, devices: [typed.device], options: optionsOf(typed), typed };
}

export function optionsOf(typed: Typed): Record<string, string | boolean> {
  return {
    ...(typed.op === 'assignable-remove' ? { rebind: typed.rebind } : {}),
    ...(typed.force ? { force: true } : {}),
    ...(typed.name === null ? {} : { name: typed.name }),
  };
}
