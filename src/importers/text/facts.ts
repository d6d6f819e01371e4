import type { DataOf } from '../../events/catalogue.js';
import type { RecordObject } from '../../events/field.js';
import type { MachineFact, Out } from '../importer.js';
import type { KnownConfig } from './known-config.js';
import { functionOf, type Named } from './names.js';

/**
 * Says what a text tells of the machine. The first boot of a file gives the trace its machine; of a later one nobody
 * knows whether it was the same machine in the same state, so that it is told by events.
 */
export class Facts {
  readonly #out: Out;
  /** Which boot of the text it is, from 1. */
  boot = 1;
  /** A guest's kernel speaks: its machine is another one. */
  isGuest = false;

  constructor(out: Out) {
    this.#out = out;
  }

  get out(): Out {
    return this.#out;
  }

  fact(fact: MachineFact): void {
    if (this.boot === 1 && !this.isGuest) this.#out.fact(fact);
    else this.#out.told(fact);
  }

  /** A function, and what is known of its registers. */
  function(said: { readonly name: Named; readonly title?: string; readonly config: KnownConfig }): void {
    const { name, title, config } = said;
    const bridge = this.#out.segment(name.segment);
    if (bridge === null) {
      this.told({ what: 'function', of: name.text, text: title ?? '' });
      return;
    }
    const { known } = config;
    this.fact({
      is: 'function',
      bridge,
      bdf: name.bdf,
      name: title ?? name.text,
      config: config.config,
      ...(known.every((bits) => bits === 0xff) ? {} : { known }),
    });
  }

  /** What has no place in a platform. */
  told(data: Pick<DataOf<'machine.told'>, 'what'> & Partial<DataOf<'machine.told'>>): void {
    this.#out.event({
      kind: 'machine.told',
      by: 'xpr',
      origin: 'observed',
      data: { of: '', function: null, text: '', details: {}, ...data },
    });
  }

  /** The same of a device. */
  ofDevice(
    what: DataOf<'machine.told'>['what'],
    name: Named,
    more: { readonly text?: string; readonly details?: RecordObject },
  ): void {
    this.told({ what, of: name.text, function: functionOf(this.#out, name), ...more });
  }
}
