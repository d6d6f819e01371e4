/** Who prints a line. */
export type Speaker = 'xen' | 'linux' | 'libxl' | 'qemu' | 'hvmloader' | 'libvirt';

/** How bad it is by itself: `fatal` stops a domain or the machine, `note` is what healthy machines print too. */
export type Severity = 'fatal' | 'error' | 'warning' | 'note';

/** A text of a message in some releases. */
export interface Wording {
  /** With blanks: see `template.ts`. */
  readonly text: string;
  /** First and last release that prints it so; of the speaker's own project. Open where absent. */
  readonly from?: string;
  readonly until?: string;
}

/** One line that programs print when PCI devices are passed through, and what it says to somebody who reads it. */
export interface Message {
  readonly by: Speaker;
  readonly severity: Severity;
  /** Newest first: what models print. A plain text where all releases print the same. */
  readonly texts: readonly [string | Wording, ...(string | Wording)[]];
  /** The kernel puts the driver and the device before it. */
  readonly ofDevice?: true;
  /** What it says, in one or two sentences. */
  readonly meaning: string;
  /** What to do about it or what to look at next; absent where nothing is wrong. */
  readonly cure?: string;
  /** File and function of the project that prints it, at a tag. */
  readonly source: string;
  readonly rules?: readonly string[];
  readonly scenarios?: readonly string[];
}
