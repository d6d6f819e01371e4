import type { ExitCode } from './io.js';

/** Arguments as given, options by their long name in camel case. */
export type RunVerb = (
  args: readonly (string | string[] | undefined)[],
  options: Readonly<Record<string, unknown>>,
) => Promise<ExitCode> | ExitCode;

/** A verb: its place in the help, and the module that carries it out, loaded only when it runs. */
export interface Verb {
  readonly usage: string;
  readonly summary: string;
  /** Flags and help text; `list` when the option may be given several times, `count` when how often says something. */
  readonly options: readonly (readonly [flags: string, text: string, many?: 'list' | 'count'])[];
  readonly example: string;
  /** What the exit code says, where it is more than fine or trouble. */
  readonly exits?: string;
  load(): Promise<{ readonly run: RunVerb }>;
}
