import { readFileSync } from 'node:fs';
import { packDocument, unpackDocument } from '../../../src/log/msgpack.js';
import { mangled } from '../mutate/bytes.js';
import { misstated } from '../mutate/document.js';
import type { TortureClass } from '../torture-class.js';
import { type Part, putTogether, takeApart } from '../trace-parts.js';
import { commandFault, fsckOf } from '../verdict.js';
import type { Workshop } from '../workshop.js';

export const snapshots: TortureClass = {
  name: 'snapshots',
  doc: 'snapshots of another state, under right checksums',
  share: 0.1,
  prepare(prng, workshop) {
    const whole = readFileSync(workshop.corpus.longTrace());
    const { header, parts } = takeApart(whole);
    const at = parts.findIndex(({ is }) => is === 'snapshot');
    const part = parts[at] as Part & { readonly is: 'snapshot' };
    const wire = prng.below(6) === 0;
    const change = wire ? mangled(prng, part.document) : misstated(prng, unpackDocument(part.document));
    const document = wire ? (change.value as Uint8Array) : packDocument(change.value);
    const bytes = putTogether({ header, parts: parts.with(at, { ...part, document }) });
    const position = String(part.nextSeq + prng.below(60));
    return {
      about: `${change.about}; state at ${position}`,
      inputs: { 't.xpr': bytes },
      run: () =>
        told(workshop, { bytes, whole, position, same: Buffer.compare(document, part.document) === 0 }),
    };
  },
};

interface Forged {
  readonly bytes: Uint8Array;
  readonly whole: Uint8Array;
  readonly position: string;
  /** The change changed nothing. */
  readonly same: boolean;
}

/** The state is that of the events or an error, and fsck finds what is forged. */
async function told(workshop: Workshop, { bytes, whole, position, same }: Forged): Promise<string | null> {
  const ask = (file: string) => workshop.xpr(['state', file, '--at', position, '--json']);
  const state = await ask(workshop.put('t.xpr', bytes));
  const fault = commandFault(state);
  if (fault !== null) return fault;
  const report = fsckOf(bytes);
  if (report instanceof Error) return `fsck: ${report.stack}`;
  if (!same && report !== null && report.damaged.length === 0) {
    const command = await workshop.xpr(['fsck', workshop.path('t.xpr')]);
    if (command.code === 0) return 'fsck finds nothing wrong';
  }
  if (state.code !== 0) return null;
  const right = await ask(workshop.put('whole.xpr', whole));
  return right.out === state.out ? null : 'state is that of the forged snapshot';
}
