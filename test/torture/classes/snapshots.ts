import { readFileSync } from 'node:fs';
import { packDocument, unpackDocument } from '../../../src/log/msgpack.js';
import { mangled } from '../mutate/bytes.js';
import { misstated } from '../mutate/document.js';
import { rechunked } from '../rechunked.js';
import type { TortureClass } from '../torture-class.js';
import { type Part, putTogether } from '../trace-parts.js';
import { commandFault } from '../verdict.js';
import type { Workshop } from '../workshop.js';

export const snapshots: TortureClass = {
  name: 'snapshots',
  doc: 'snapshots of another state, under right checksums',
  prepare(prng, workshop) {
    const apart = rechunked(prng, readFileSync(prng.pick(workshop.corpus.traces())));
    const places = apart.parts.flatMap(({ is }, i) => (is === 'snapshot' ? [i] : []));
    if (places.length === 0) return { about: 'no event', inputs: {}, run: () => null };
    const at = prng.pick(places);
    const part = apart.parts[at] as Part & { readonly is: 'snapshot' };
    const wire = prng.below(6) === 0;
    const change = wire ? mangled(prng, part.document) : forged(unpackDocument(part.document, 'maps'));
    function forged(document: unknown) {
      // Mostly in the state itself: what stands around it is checked first.
      const [next, stored] = document as [number, { shape: string; world: unknown }];
      if (prng.below(4) === 0) return misstated(prng, document);
      const { value, about } = misstated(prng, stored.world);
      return { value: [next, { ...stored, world: value }], about };
    }
    const document = wire ? (change.value as Uint8Array) : packDocument(change.value);
    const bytes = putTogether({ ...apart, parts: apart.parts.with(at, { ...part, document }) });
    const position = String(part.nextSeq + prng.below(8));
    return {
      about: `${change.about}; state at ${position}`,
      inputs: { 't.xpr': bytes },
      run: () => stateFault(workshop, { bytes, whole: putTogether(apart), position }),
    };
  },
};

interface Forged {
  readonly bytes: Uint8Array;
  readonly whole: Uint8Array;
  readonly position: string;
}

/** The state is that of the events, or it is an error, or `fsck` says that the snapshot is wrong. */
async function stateFault(workshop: Workshop, { bytes, whole, position }: Forged): Promise<string | null> {
  const ask = (file: string) => workshop.xpr(['state', file, '--at', position, '--json']);
  const file = workshop.put('t.xpr', bytes);
  const state = await ask(file);
  const check = await workshop.xpr(['fsck', file]);
  for (const ran of [
    state,
    check,
    await workshop.xpr(['explain', file, position]),
    await workshop.xpr(['replay', file]),
  ]) {
    const fault = commandFault(ran);
    if (fault !== null) return fault;
  }
  if (state.code !== 0 || check.code !== 0) return null;
  const right = await ask(workshop.put('whole.xpr', whole));
  return right.out === state.out ? null : 'state is that of the forged snapshot, and fsck finds nothing';
}
