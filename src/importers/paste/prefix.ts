/** Whose voice a line is in, as far as what stands before it says. */
export type Voice = 'xen' | 'kernel' | 'guest' | 'libxl' | 'qemu' | 'firmware' | null;

/** A line without what consoles, loggers and journals put before it. */
export interface Spoken {
  readonly voice: Voice;
  /** The domain whose console it is, where the prefix names it. */
  readonly domid: number | null;
  /** Time since the speaker's boot; null without a stamp. */
  readonly sinceBootNs: number | null;
  /** The machine's time stamp counter, where Xen printed that. */
  readonly cycles: number | null;
  /** Time of day as it stands there: stamps of one style compare, of different styles they do not. */
  readonly wallClock: string | null;
  /** libxl's: error, warning, … */
  readonly level: string | null;
  /** File and function of the source, where libxl printed them. */
  readonly at: string | null;
  readonly text: string;
}

interface Step {
  readonly pattern: RegExp;
  readonly take: (groups: Readonly<Record<string, string | undefined>>, so: Spoken) => Partial<Spoken>;
}

const MONTHS = String.raw`\p{L}{3,5}\.?`;
const TIME = String.raw`\d\d:\d\d:\d\d(?:[.,]\d+)?`;

/** Tried one after the other, each as often as it fits: logs are wrapped in logs. */
const steps: readonly Step[] = [
  {
    // [2024-01-09 23:29:47], and the same bare as libxl and libvirt print it.
    pattern: new RegExp(
      String.raw`^\[?(?<date>\d{4}-\d\d-\d\d[T ]${TIME})(?:Z|[+-]\d\d:?\d\d| [A-Z]{2,5})?\]?:?(?:\s+|$)`,
    ),
    take: ({ date }) => ({ wallClock: date! }),
  },
  {
    // journald and syslog: "Jul  2 00:36:54 host kernel: ", months in any language.
    pattern: new RegExp(
      String.raw`^(?<date>${MONTHS}\s+\d{1,2}\s+${TIME})\s+(?:(?<host>[\w.-]+)\s+)?(?<tag>[\w./@-]+)(?:\[\d+\])?:(?:\s+|$)`,
      'u',
    ),
    take: ({ date, tag }) => ({
      wallClock: date!,
      ...(tag === 'kernel' ? { voice: 'kernel' as const } : {}),
    }),
  },
  {
    // Consoles collected by a tool: "Oct 14 18:41:49.056589 VM hypervisor: ".
    pattern: new RegExp(String.raw`^(?<date>${MONTHS}\s+\d{1,2}\s+${TIME})\s+VM \S+:\s+`, 'u'),
    take: ({ date }) => ({ wallClock: date! }),
  },
  { pattern: /^<\d{1,2}>/, take: () => ({}) },
  // Xen's stamps by its cycle counter (console_timestamps=raw).
  {
    pattern: /^\[(?<cycles>[0-9a-f]{16})\]\s?/,
    take: ({ cycles }) => ({ cycles: Number.parseInt(cycles!, 16) }),
  },
  { pattern: /^\(XEN\)\s?/, take: () => ({ voice: 'xen' }) },
  {
    pattern: /^\(d(?<domid>\d+)\)\s?/,
    take: ({ domid }) => ({ voice: 'firmware', domid: Number(domid) }),
  },
  {
    pattern: /^DOM(?<domid>\d+): /,
    take: ({ domid }) => ({ voice: domid === '0' ? 'kernel' : 'guest', domid: Number(domid) }),
  },
  {
    // The kernel's and Xen's own time stamps, seconds since boot.
    pattern: /^\[\s*(?<seconds>\d+)\.(?<fraction>\d{3,9})\](?:\[[TC]\s*\d+\])?\s?/,
    take: ({ seconds, fraction }, { voice }) => ({
      voice: voice ?? 'kernel',
      sinceBootNs: Number(seconds) * 1e9 + Number(fraction!.padEnd(9, '0')),
    }),
  },
  {
    // libxl: "libxl: error: libxl_pci.c:853:function: ", in older ones without the level or with only the file.
    pattern:
      /^(?:libxl: )?(?:(?<level>error|warning|info|notice|debug|detail|critical): )?(?<at>(?:libxl|xl|xc)_\w+\.c:\d+:\s?\w+):\s?/,
    take: ({ level, at }) => ({
      voice: 'libxl',
      level: level ?? null,
      at: at!.replace(/:\d+:\s?/, ' '),
    }),
  },
  {
    pattern: /^libxl: (?:(?<level>error|warning|info|notice|debug|detail): )?/,
    take: ({ level }) => ({ voice: 'libxl', level: level ?? null }),
  },
  { pattern: /^\[[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\]\s/, take: () => ({ voice: 'qemu' }) },
];

/** Whether a line begins with a stamp or a voice: where a log's next line begins. */
export function hasPrefix(text: string): boolean {
  return steps.some(({ pattern }) => pattern.test(text));
}

/** Reads the stack of prefixes off a line. @cost linear; each step takes something away or is the last */
export function spoken(line: string): Spoken {
  let so: Spoken = {
    voice: null,
    domid: null,
    sinceBootNs: null,
    cycles: null,
    wallClock: null,
    level: null,
    at: null,
    text: line.replace(/^\s+(?=\S)/, (blanks) => (blanks.includes('\t') ? blanks : '')),
  };
  for (let going = true; going; ) {
    going = false;
    for (const { pattern, take } of steps) {
      const match = pattern.exec(so.text);
      if (match === null) continue;
      so = { ...so, ...take(match.groups ?? {}, so), text: so.text.slice(match[0].length) };
      going = true;
      break;
    }
  }
  return so;
}
