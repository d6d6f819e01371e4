/** A command somebody typed, as a job's log tells of it. */
export interface Typed {
  readonly op: 'assignable-add' | 'assignable-remove' | 'attach' | 'detach';
  readonly devices: readonly string[];
  readonly rebind: boolean;
  readonly force: boolean;
}

const COMMAND = /\b(assignable-add|assignable-remove|attach|detach)\b(.*)$/gm;
const DEVICE = /(?:\b([0-9a-f]{4,}):)?\b([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\b/g;

/** Commands that name their device, in the order of the log: `@@ 157.90 assignable-remove -r 01:00.0`, `+ xl pci-attach g1 07:01.0`. */
export function typedCommands(log: string): Typed[] {
  // A message of libxl names functions of its own, not commands.
  const lines = log.split('\n').filter((line) => !/^(?:libxl|xencall|xc|domainbuilder):/.test(line));
  return [...lines.join('\n').matchAll(COMMAND)].flatMap(([, op, rest]) => {
    const devices = [...rest!.matchAll(DEVICE)].map(([, segment, bdf]) => `${segment ?? '0000'}:${bdf}`);
    const flag = (letter: string): boolean => new RegExp(`(?:^| )-${letter}\\b`).test(rest!);
    const typed = { op: op as Typed['op'], devices, rebind: flag('r'), force: flag('f') };
    return devices.length === 0 ? [] : [typed];
  });
}

/** What xl printed on the way, file by file: errors and warnings without the place in the source. */
export interface Printed {
  readonly domid: number | null;
  readonly text: string;
}

const MESSAGE = /^libxl: (error|warning): \S+?:\d+:\w+: (?:Domain (\d+):)?(.*)$/gm;

export function printedMessages(text: string): readonly Printed[] {
  return [...text.matchAll(MESSAGE)].map(([, level, domid, said]) => ({
    domid: domid === undefined ? null : Number(domid),
    text: `${level}: ${said}`,
  }));
}

/** Devices of messages that begin so; a file often repeats another's, so each device counts as often as one file says it. */
export function devicesSaid(files: readonly (readonly Printed[])[], before: string): Map<string, number> {
  const most = new Map<string, number>();
  for (const file of files) {
    const own = new Map<string, number>();
    for (const { text } of file) {
      if (!text.startsWith(before)) continue;
      const device = /^(?:[0-9a-f]{4,}:)[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/.exec(text.slice(before.length))?.[0];
      if (device !== undefined) own.set(device, (own.get(device) ?? 0) + 1);
    }
    for (const [device, count] of own) most.set(device, Math.max(most.get(device) ?? 0, count));
  }
  return most;
}
