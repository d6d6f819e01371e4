/** What xl printed on the way: errors and warnings. */
export interface Printed {
  /** File of libxl's source that printed it. */
  readonly source: string;
  /** Function that printed it. */
  readonly from: string;
  readonly domid: number | null;
  /** Level and message, without the place in the source. */
  readonly text: string;
}

const MESSAGE = /^libxl: (error|warning): (\S+?):\d+:(\w+): (?:Domain (\d+):)?(.*)$/gm;

export function printedMessages(text: string): readonly Printed[] {
  return [...text.matchAll(MESSAGE)].map(([, level, source, from, domid, said]) => ({
    source: source!,
    from: from!,
    domid: domid === undefined ? null : Number(domid),
    text: `${level}: ${said}`,
  }));
}

/** How often one file says that the device model of a domain could not be reached; files repeat each other. */
export function unreachable(files: readonly string[]): Map<number, number> {
  const most = new Map<number, number>();
  for (const file of files) {
    const own = new Map<number, number>();
    for (const { domid, text } of printedMessages(file)) {
      if (domid === null || !text.startsWith('error: Failed to connect to QMP socket')) continue;
      own.set(domid, (own.get(domid) ?? 0) + 1);
    }
    for (const [domid, count] of own) most.set(domid, Math.max(most.get(domid) ?? 0, count));
  }
  return most;
}
