import type { EventOf, TraceEvent } from '../../src/events/catalogue.js';
import { type FunctionId, formatFunction } from '../../src/pci/function-id.js';
import { formatSbdf } from '../../src/pci/sbdf.js';
import { dom0Name, ownerText } from '../../src/rules/names.js';
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
    switch (event.kind) {
      case 'dma.attempted':
        this.#sender = event.data.function;
        return null;
      case 'msi.written':
        // What becomes of a message is told by the interrupt.
        this.#sender = null;
        return null;
      case 'memory.reached':
        return memoryText(event.data);
      case 'dma.completed':
        return event.data.domid === null ? 'memory, untranslated' : `memory of d${event.data.domid}`;
      case 'dma.discarded':
        return event.data.why === 'scratch-page'
          ? 'swallowed by the scratch page'
          : 'not sent: no bus mastering';
      case 'vtd.faulted':
        return event.data.domid === null
          ? 'fault: no entry'
          : `fault: not in the tables of d${event.data.domid}`;
      case 'iommu.faulted':
        if (event.data.event === null) return 'stopped without a record';
        return event.data.domid === null
          ? `fault: ${event.data.event}`
          : `fault: not in the tables of d${event.data.domid}`;
      default:
        return null;
    }
  }
}

function memoryText({ whose, owner, through }: EventOf<'memory.reached'>['data']): string {
  const untranslated = through === null ? ', untranslated' : '';
  switch (whose) {
    case 'guest':
      return `memory of ${ownerText(owner)}${untranslated}`;
    case 'page-table':
      return `a page table of ${ownerText(owner)}${untranslated}`;
    case 'xen':
      return `Xen's memory${untranslated}`;
    case 'nobody':
      return `memory nobody was given${untranslated}`;
  }
}
