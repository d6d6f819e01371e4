import { readFileSync } from 'node:fs';
import type { Prng } from '../../../src/base/prng.js';
import { joined, type Mutant } from '../mutate/bytes.js';
import { rechunkedTrace } from '../rechunked.js';
import type { TortureClass } from '../torture-class.js';
import { commandFault, contentOf, damageFault } from '../verdict.js';
import type { Workshop } from '../workshop.js';

export const cuts: TortureClass = {
  name: 'cuts',
  doc: 'traces cut off, with a hole, or with more behind them, and brought back by fsck --repair',
  prepare(prng, workshop) {
    const plain = new Uint8Array(readFileSync(prng.pick(workshop.corpus.traces())));
    const bytes = prng.below(2) === 0 ? rechunkedTrace(prng, plain) : plain;
    const { value, about } = cutOff(prng, bytes);
    return {
      about,
      inputs: { 't.xpr': value },
      run: async () => damageFault(value, contentOf(bytes)) ?? (await repaired(workshop, value, bytes)),
    };
  },
};

function cutOff(prng: Prng, bytes: Uint8Array): Mutant<Uint8Array> {
  const [from, to] = [prng.below(bytes.length), prng.below(bytes.length)].sort((a, b) => a - b) as [
    number,
    number,
  ];
  switch (prng.below(6)) {
    case 0:
      return {
        value: joined(bytes.subarray(0, from), bytes.subarray(to + 1)),
        about: `${from}..${to} of ${bytes.length} left out`,
      };
    case 1:
      return {
        value: joined(bytes, bytes.subarray(from, to + 1)),
        about: `${from}..${to} again behind the end`,
      };
    case 2:
      return { value: bytes.subarray(from + 1), about: `begins at ${from + 1}` };
    case 3:
      return {
        value: joined(bytes.subarray(0, from), new Uint8Array(bytes.length - from)),
        about: `zeros from ${from} of ${bytes.length}`,
      };
    default:
      return { value: bytes.subarray(0, from), about: `cut at ${from} of ${bytes.length}` };
  }
}

/** What was brought back replays without a difference where the whole did. */
async function replaysAsBefore(workshop: Workshop, out: string, bytes: Uint8Array): Promise<string | null> {
  const before = await workshop.xpr(['replay', workshop.put('whole.xpr', bytes)]);
  const again = await workshop.xpr(['replay', out]);
  const fault = commandFault(again);
  if (fault !== null || before.code !== 0 || again.code === 0) return fault;
  return `what was brought back replays otherwise: ${again.out.slice(0, 400)}`;
}

/** What `--repair` writes is whole, and the beginning of what was there. */
async function repaired(workshop: Workshop, value: Uint8Array, bytes: Uint8Array): Promise<string | null> {
  // Zeros behind a cut may be what stood there.
  if (Buffer.compare(value, bytes) === 0) return null;
  const out = workshop.path('r.xpr');
  const ran = await workshop.xpr(['fsck', workshop.put('t.xpr', value), '--repair', out]);
  const fault = commandFault(ran);
  if (fault !== null) return fault;
  const written = workshop.files();
  const file = written.get('r.xpr');
  if (file === undefined)
    return ran.code === 2 && written.size === 1 ? null : 'nothing is written, and it is not said';
  const whole = contentOf(bytes);
  const back = contentOf(file);
  const wrong = back.events.findIndex((event, i) => event !== whole.events[i]);
  if (wrong >= 0) return `event ${wrong} of what was brought back is another`;
  const again = await workshop.xpr(['fsck', out]);
  if (again.code !== 0) return `what was brought back is damaged: ${again.out}${again.err}`;
  return replaysAsBefore(workshop, out, bytes);
}
