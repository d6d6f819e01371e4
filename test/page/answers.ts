import type * as Core from '../../src/api/core.js';

/** What is asked of one trace, in a page and in Node: all of it must be the same. */
export interface Answers {
  readonly digest: string;
  readonly events: number;
  /** Sum over all events as they are printed. */
  readonly printed: string;
  readonly replay: readonly number[];
  readonly findings: string;
  /** Sum over the state at the end. */
  readonly state: string;
  readonly otherwise: string;
  readonly filtered: number;
  /** Compared with the trace before it. */
  readonly diff: string;
}

/** The core: the module itself or the bundle made of it. */
export type CoreModule = Pick<typeof Core, 'openBytes' | 'replay' | 'findings' | 'diff' | 'whatIf'>;

export function answersOf(core: CoreModule, bytes: Uint8Array, before: Uint8Array): Answers {
  const trace = core.openBytes(bytes);
  let printed = sumOf('');
  for (const event of trace.read()) printed = sumOf(JSON.stringify(trace.present(event)), printed);
  const { events, inputs, compared, matched, mismatched, unmodelled } = core.replay(trace);
  const { firstDivergence, changed, findings, accesses } = core.whatIf(trace, { policies: { iommu: 'off' } });
  const filter = 'kind ~ hypercall && (ret != 0 || op == pci_device_add)';
  return {
    digest: trace.digest,
    events,
    printed: printed.join('-'),
    replay: [inputs, compared, matched, mismatched, unmodelled],
    findings: JSON.stringify(core.findings(trace)),
    state: sumOf(JSON.stringify(trace.stateBefore(trace.events))).join('-'),
    otherwise: sumOf(JSON.stringify({ firstDivergence, changed, findings, accesses })).join('-'),
    filtered: [...trace.read({ where: filter })].length,
    diff: JSON.stringify(core.diff(core.openBytes(before), trace, { level: 'hardware' })),
  };
}

/** Two 32-bit sums over a text (FNV-1a with two beginnings), going on from others. */
function sumOf(text: string, [a, b]: readonly number[] = [0x811c_9dc5, 0x1234_5678]): readonly number[] {
  let [x, y] = [a!, b!];
  for (let i = 0; i < text.length; i++) {
    x = Math.imul(x ^ text.charCodeAt(i), 0x0100_0193) >>> 0;
    y = Math.imul(y ^ text.charCodeAt(i), 0x0100_0193) >>> 0;
  }
  return [x, y];
}
