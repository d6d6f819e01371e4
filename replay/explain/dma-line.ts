import { kindOf, type TraceEvent } from '../../src/events/catalogue.js';
import { type FunctionId, formatFunction } from '../../src/pci/function-id.js';
import { formatSbdf } from '../../src/pci/sbdf.js';
import { dom0Name } from '../../src/rules/names.js';
import type { Env } from '../../src/state/env.js';
import type { ReadonlyWorld } from '../../src/state/world.js';

/** Where requests of devices ended, in words: `01:00.0 memory of d2`. Names are those of whoever owns the hardware. */
export class DmaLines {
  readonly #env: Env;
  /** Who sent the request that is on its way; events of an SMMU name its stream only. */
  #sender: FunctionId | null = null;

  constructor(env: Env) {
    this.#env = env;
  }

  /** @returns Null for events that are no end of a request. */
  lineOf(event: TraceEvent, world: ReadonlyWorld): string | null {
    const how = this.#how(event);
    if (how === null || this.#sender === null) return null;
    const name = dom0Name(world, this.#env, this.#sender);
    return `${name === null ? formatFunction(this.#sender, this.#env.platform) : formatSbdf(name)} ${how}`;
  }

  #how(event: TraceEvent): string | null {
    const part = kindOf(event.kind).request(event.data);
    switch (part?.is) {
      case undefined:
        return null;
      case 'begun':
        this.#sender = part.sender;
        return null;
      case 'message':
        // What becomes of a message is told by the interrupt.
        this.#sender = null;
        return null;
      case 'ended':
        return part.where;
    }
  }
}
