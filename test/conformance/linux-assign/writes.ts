import type { RowBuilder } from '../row.js';

/** A write to a header. */
export interface HeaderStep {
  /** Bus, device and function. */
  readonly bdf: string;
  readonly reg: number;
  readonly value: number;
  /** A driver has been bound: what it asked to be decoded (bits 0 and 1 of COMMAND) is its own affair. */
  readonly driven: boolean;
}

export const COMMAND = 0x04;
const OF_A_DRIVER = 'COMMAND as a driver writes it after the scan';

/**
 * Holds header writes against the machine's trace, in order and to its end. While the kernel scans and assigns, every
 * write counts. Later drivers write COMMAND too, on their own account: there each COMMAND write of the model has to
 * come between the same two other writes as in the trace, and those of drivers are declared as not modelled.
 */
export function compareWrites(
  row: RowBuilder,
  recorded: readonly HeaderStep[],
  boot: readonly HeaderStep[],
  later: readonly HeaderStep[],
): void {
  const say = (step: HeaderStep | undefined): string | null => (step === undefined ? null : textOf(step));
  boot.forEach((step, i) => {
    row.compare(`write ${i}`, say(recorded[i - 1]) ?? '', say(recorded[i]), textOf(step));
  });
  const wanted = segmentsOf(recorded.slice(boot.length));
  const known = segmentsOf(later);
  for (let i = 0; i < Math.max(wanted.length, known.length); i++) {
    const at = `write group ${i} after the boot`;
    compareCommands(row, at, wanted[i]?.commands ?? [], known[i]?.commands ?? []);
    const [expected, actual] = [wanted[i]?.closes ?? null, known[i]?.closes ?? null];
    if (expected !== null || actual !== null)
      row.compare(at, wanted[i - 1]?.closes ?? 'the boot', expected, actual);
  }
}

/** COMMAND writes, and the other write that ends them; null at the end. */
interface Segment {
  readonly commands: readonly HeaderStep[];
  readonly closes: string | null;
}

const textOf = ({ bdf, reg, value }: HeaderStep): string =>
  `${bdf} @${reg.toString(16)} <- ${value.toString(16)}`;

function segmentsOf(steps: readonly HeaderStep[]): readonly Segment[] {
  const segments: Segment[] = [];
  let commands: HeaderStep[] = [];
  for (const step of steps) {
    if (step.reg === COMMAND) commands.push(step);
    else {
      segments.push({ commands, closes: textOf(step) });
      commands = [];
    }
  }
  return [...segments, { commands, closes: null }];
}

const DECODING = 0x0003;

function compareCommands(
  row: RowBuilder,
  at: string,
  recorded: readonly HeaderStep[],
  known: readonly HeaderStep[],
): void {
  let from = 0;
  for (const step of known) {
    const ignored = step.driven ? DECODING : 0;
    const found = recorded.findIndex(
      (one, i) => i >= from && one.bdf === step.bdf && (one.value | ignored) === (step.value | ignored),
    );
    row.check(found >= 0, () => ({
      at,
      input: 'COMMAND',
      expected: recorded.slice(from).map(textOf).join(', ') || 'no COMMAND write here',
      actual: textOf(step),
    }));
    if (found < 0) continue;
    if (found > from) row.unmodelled(OF_A_DRIVER, found - from);
    from = found + 1;
  }
  if (recorded.length > from) row.unmodelled(OF_A_DRIVER, recorded.length - from);
}
