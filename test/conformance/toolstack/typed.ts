import type { ToolstackOp } from '../../../src/events/kinds/toolstack.js';

/** A command somebody typed, as a job's log tells of it. */
export interface Typed {
  readonly op: Exclude<ToolstackOp, 'create' | 'destroy'> | 'list';
  /** Name of the guest it concerns. */
  readonly guest: string | null;
  /** What it was given for a device: a BDF with segment and whatever follows, or a name. */
  readonly device: string;
  readonly rebind: boolean;
  readonly force: boolean;
  /** `-n` of assignable-add. */
  readonly name: string | null;
  /** How xl ended; null where the log does not say. */
  readonly status: number | null;
  /** What it printed besides errors and warnings. */
  readonly printed: readonly string[];
}

/** The commands of a log, and whether it holds every one with all of its arguments. */
export interface TypedLog {
  readonly commands: readonly Typed[];
  readonly complete: boolean;
}

const INVOCATION =
  /^\+ xl (?:-\S+ )*pci-(assignable-add|assignable-remove|assignable-list|attach|detach|list)\b(.*)$/;
/** A headline, for people: `@@ 157.90 assignable-remove -r 01:00.0`. */
const HEADLINE = /^@@ [\d.]+ (?:pci-)?(assignable-add|assignable-remove|attach|detach)\b(.*)$/;
const BDF = /^(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/;

/** Commands in the order of the log. Where a shell printed its commands, headlines are for people only. */
export function typedCommands(log: string): TypedLog {
  const lines = log.split('\n');
  const complete = lines.some((line) => /^\+ xl /.test(line));
  const commands = lines.flatMap((line, at) => {
    const [, op, rest] = (complete ? INVOCATION : HEADLINE).exec(line) ?? [];
    if (op === undefined) return [];
    const end = lines.findIndex((one, i) => i > at && /^(\+ |@@ |rc=)/.test(one));
    const status = /^rc=(\d+)$/.exec(lines[end] ?? '')?.[1];
    const printed = lines.slice(at + 1, end < 0 ? lines.length : end);
    return commandsOf(op as Typed['op'], rest!.trim(), complete, {
      status: status === undefined ? null : Number(status),
      printed: printed.map((one) => one.trimEnd()).filter((one) => one !== '' && !/^\w+: /.test(one)),
    });
  });
  return { commands, complete };
}

function commandsOf(
  op: Typed['op'],
  rest: string,
  complete: boolean,
  ending: Pick<Typed, 'status' | 'printed'>,
): Typed[] {
  const words = rest.split(/\s+/).filter((word) => word !== '');
  const plain: string[] = [];
  const flags: string[] = [];
  let name: string | null = null;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (op === 'assignable-add' && word === '-n') name = words[++i] ?? null;
    else if (word.startsWith('-')) flags.push(word);
    else plain.push(word);
  }
  const common = { op, rebind: flags.includes('-r'), force: flags.includes('-f'), name, ...ending };
  const withGuest = op === 'attach' || op === 'detach' || op === 'list';
  const guest = withGuest && plain[0] !== undefined && !BDF.test(plain[0]) ? plain[0] : null;
  if (op === 'list' || op === 'assignable-list') return complete ? [{ ...common, guest, device: '' }] : [];
  const given = guest === null ? plain : plain.slice(1);
  // A headline may name several devices, each with a command of its own, and says more behind them.
  const devices = complete ? given.slice(0, 1) : given.filter((word) => BDF.test(word));
  return devices.map((device) => ({ ...common, guest, device: withSegment(device) }));
}

export const withSegment = (device: string): string =>
  /^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/.test(device) ? `0000:${device}` : device;

/** The function a command names; null where it gives a name. */
export const bdfOf = (device: string): string | null =>
  /^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/.exec(device)?.[0] ?? null;

/** Names looked up: `name=nic`, or the bare name assignable-remove takes. */
export const nameOf = (device: string): string | null =>
  bdfOf(device) !== null ? null : (/^name=([^,]*)/.exec(device)?.[1] ?? device);

/** Options a configuration can give to all of its devices. */
const forAll = ['msitranslate', 'power_mgmt', 'seize', 'permissive'] as const;

/** The devices of a guest's configuration file, each with what the file says of all of them. */
export function configured(text: string): readonly string[] {
  const list = /^pci\s*=\s*\[([^\]]*)\]/m.exec(text)?.[1] ?? '';
  const common = forAll.filter((key) => new RegExp(`^pci_${key}\\s*=\\s*1\\b`, 'm').test(text));
  return [...list.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, one, other]) => {
    const device = withSegment((one ?? other)!);
    const added = common.filter((key) => !device.includes(`,${key}=`)).map((key) => `,${key}=1`);
    return `${device}${added.join('')}`;
  });
}

/** The guest a configuration file names. */
export const guestOf = (text: string): string | null =>
  /^name\s*=\s*["']([^"']*)["']/m.exec(text)?.[1] ?? null;
