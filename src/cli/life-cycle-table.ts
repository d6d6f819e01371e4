import type { StepReport } from '../../replay/explain/life-cycle.js';
import type { WhatIf } from '../../replay/run/what-if.js';

/** One design and how it went. */
export interface DesignRun {
  readonly title: string;
  readonly result: WhatIf;
}

/** Characters a line may have. */
const WIDTH = 150;
const STEP_WIDTH = 20;
/** Narrower than this, the columns go into a further block. */
const LEAST_WIDTH = 36;
const GAP = '  ';

/** Whether a recording has commands of the toolstack in it. */
export const hasLifeCycle = (results: readonly WhatIf[]): boolean =>
  results.some(({ steps }) => steps.some(({ report }) => report.result !== 'happens'));

/**
 * Steps of the life cycle down, designs across: how each ended, who reset what, where requests of devices
 * ended, what each party knows afterwards.
 * Messages stand below, by letter. Designs that do not fit beside each other follow in further blocks.
 */
export function lifeCycleTable(runs: readonly DesignRun[]): string[] {
  const most = Math.max(1, Math.floor((WIDTH - STEP_WIDTH) / (LEAST_WIDTH + GAP.length)));
  const perBlock = Math.ceil(runs.length / Math.ceil(runs.length / most));
  const notes = new Notes();
  const lines: string[] = [];
  for (let at = 0; at < runs.length; at += perBlock) {
    lines.push(...block(runs.slice(at, at + perBlock), notes), '');
  }
  const told = notes.lines();
  return told.length === 0 ? lines.slice(0, -1) : [...lines, ...told];
}

function block(runs: readonly DesignRun[], notes: Notes): string[] {
  const width = Math.floor((WIDTH - STEP_WIDTH) / runs.length) - GAP.length;
  const widths = [STEP_WIDTH, ...runs.map(() => width)];
  const columns = runs.map(() => new Column(notes));
  const rows = runs[0]!.result.steps.map(({ title }, i) => [
    [title],
    ...runs.map(({ result }, at) => columns[at]!.lines(result.steps[i]!.report)),
  ]);
  return [[['step'], ...runs.map(({ title }) => [title])], ...rows].flatMap((cells) => layOut(cells, widths));
}

/** Cells of one design from the top: how a step ended; who did something; what is known, as far as it is news. */
class Column {
  readonly #notes: Notes;
  /** What was said last, by device. */
  readonly #said = new Map<string, string>();
  /** The same of groups and resets, which change less often. */
  readonly #together = new Map<string, string>();
  #guestSees = 0;

  constructor(notes: Notes) {
    this.#notes = notes;
  }

  lines(report: StepReport): string[] {
    const letters = report.messages.map((text) => this.#notes.letterOf(text)).join('');
    const how = report.result === 'happens' ? '' : report.result;
    const lines = [[how, letters === '' ? '' : `[${letters}]`].filter((word) => word !== '').join(' ')];
    if (report.printed.length > 0) lines.push(`lists ${report.printed.map(shortName).join(' ')}`);
    if (report.resets.length > 0) lines.push(`reset: ${counted(report.resets)}`);
    if (report.dma.length > 0) lines.push(`DMA: ${counted(report.dma.map(shortName))}`);
    if (report.guestSees !== this.#guestSees) lines.push(`guests see ${report.guestSees}`);
    this.#guestSees = report.guestSees;
    if (report.findings.length > 0) lines.push(report.findings.join(' '));
    if (report.lost.length > 0) lines.push(`Lost: ${report.lost.map(shortName).join(', ')}`);
    for (const known of report.knows) {
      const said = [
        `${shortName(known.device)} ${known.standing}`,
        `Xen: ${known.xen}`,
        `Linux: ${known.kernel}`,
        `XenStore: ${known.store}`,
      ];
      if (this.#said.get(known.device) !== said.join()) lines.push(...said);
      this.#said.set(known.device, said.join());
      const together = [
        ...(known.group === null ? [] : [`Goes with: ${known.group.replaceAll(/\b0000:/g, '')}`]),
        `Resets: ${known.resetter}`,
      ];
      if (this.#together.get(known.device) !== together.join()) lines.push(...together);
      this.#together.set(known.device, together.join());
      if (known.wayBack.length > 0)
        lines.push(`Way back: ${known.wayBack.map((one) => one.replace(/^# /, '')).join('; ')}`);
    }
    const shown = lines.filter((line) => line !== '');
    return shown.length === 0 ? ['.'] : shown;
  }
}

/** Segment 0 goes without saying. */
const shortName = (text: string): string => text.replace(/^0000:/, '');

/** The same thing twice is said once. */
function counted(things: readonly string[]): string {
  const kinds = [...new Set(things)];
  return kinds
    .map((kind) => {
      const times = things.filter((one) => one === kind).length;
      return times === 1 ? kind : `${kind} ×${times}`;
    })
    .join(', ');
}

function layOut(cells: readonly (readonly string[])[], widths: readonly number[]): string[] {
  const wrapped = cells.map((lines, i) => lines.flatMap((line) => wrap(line, widths[i]!)));
  const height = Math.max(...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, row) =>
    wrapped
      .map((lines, i) => (lines[row] ?? '').padEnd(widths[i]!))
      .join(GAP)
      .trimEnd(),
  );
}

/** Breaks a line at blanks; a further line is set in by one. */
function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const at = rest.lastIndexOf(' ', width);
    const cut = at <= 1 ? width : at;
    lines.push(rest.slice(0, cut));
    rest = ` ${rest.slice(cut).trimStart()}`;
  }
  return [...lines, rest];
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Mark of the nth note, from 0: a letter, and behind the 52nd a letter with the number of the round: `a2`. */
export function noteLetter(n: number): string {
  const round = Math.floor(n / LETTERS.length);
  return `${LETTERS[n % LETTERS.length]!}${round === 0 ? '' : round + 1}`;
}

/** Messages by letter, in order of first appearance. */
class Notes {
  readonly #letters = new Map<string, string>();

  letterOf(text: string): string {
    const known = this.#letters.get(text);
    if (known !== undefined) return known;
    const letter = noteLetter(this.#letters.size);
    this.#letters.set(text, letter);
    return letter;
  }

  lines(): string[] {
    return [...this.#letters].map(([text, letter]) => `[${letter}] ${text}`);
  }
}

/** The same for JSON, complete. */
export const lifeCycleJson = (runs: readonly DesignRun[]): Record<string, unknown>[] =>
  (runs[0]?.result.steps ?? []).map(({ seq, title }, i) => ({
    seq,
    step: title,
    designs: Object.fromEntries(runs.map((run) => [run.title, run.result.steps[i]!.report])),
  }));
