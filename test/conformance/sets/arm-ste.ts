import { hex } from '../../../src/base/hex.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import type { RecordObject } from '../../../src/events/field.js';
import { parse, readSte, type SteRecord } from '../../../src/importers/arm-tap/read.js';
import { steWords } from '../../../src/models/hardware/smmu/stream-table.js';
import { ArmMachine, type ArmRun, armRuns, groupsOf } from '../arm/machine.js';
import { recordingText } from '../recording.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

const declared = {
  memory: 'where Xen puts the root of a stage 2 depends on its memory: the first entry of a domain says it',
} as const;

/**
 * Stream table entries as Xen wrote them (`arm-tap.jsonl`) and the whole table at some points of the run (`ste.jsonl`):
 * StreamID, configuration, VMID and the four words.
 */
export const armSteSet: ConformanceSet = {
  name: 'arm-ste',
  folder: 'xen',
  *rows(folder) {
    for (const run of armRuns(folder)) if (run.records.length > 0) yield* judge(run);
  },
};

type Written = Extract<TraceEvent, { kind: 'iommu.programmed' }>['data'];
/** Entries that translate, by StreamID: what a table in memory shows of the model's. */
type Table = ReadonlyMap<number, { readonly vmid: number }>;
/** The model's table after a call. */
interface Moment {
  readonly op: string;
  readonly table: Table;
}

function judge(run: ArmRun): Row[] {
  const row = new RowBuilder('arm-ste', `${run.name}/arm-tap.jsonl`);
  const machine = new ArmMachine(run);
  const memory = new Words();
  const moments: Moment[] = [{ op: 'boot', table: tableOf(machine) }];
  for (const { call, inside } of groupsOf(run.records)) {
    const expected = writes(machine.enter(call));
    for (const record of inside) {
      if (record.fn !== 'smmu_write_ste') continue;
      if (expected.length === 0) expected.push(...writes(destroy(machine, record.streamId)));
      const own = expected.shift() ?? null;
      const input = `${call.op} d${call.domain ?? 0}: entry ${hex(record.streamId)}`;
      const { words, firstOfDomain } = memory.of(own, record.after);
      row.compare(
        `seq ${record.seq}`,
        input,
        { streamId: record.streamId, ...record.after },
        own === null ? null : { streamId: own.streamId, config: own.config, vmid: own.vmid ?? 0, words },
      );
      if (firstOfDomain) row.unmodelled(declared.memory);
    }
    row.compare(`seq ${call.seq}`, `${call.op}: entries written beyond those`, [], expected);
    moments.push({ op: call.op, table: tableOf(machine) });
  }
  const whole = recordingText(run.folder, 'ste.jsonl');
  return whole === null || whole.trim() === ''
    ? [row.row()]
    : [row.row(), judgeTables(run.name, whole, moments)];
}

const writes = (events: readonly TraceEvent[]): Written[] =>
  events.flatMap((event) => (event.kind === 'iommu.programmed' ? [event.data] : []));

/** A write that no call explains: the guest that has the stream was destroyed. */
function destroy(machine: ArmMachine, streamId: number): readonly TraceEvent[] {
  const holder = Object.values(machine.engine.state.iommu.smmus)
    .map(({ streams }) => streams[streamId]?.domid ?? null)
    .find((domid) => domid !== null && domid !== 0);
  if (holder === undefined || holder === null) return [];
  return machine.step({ kind: 'domain.destroyed', by: 'toolstack', data: { domid: holder } });
}

/** The words an entry has to have, with what memory alone can say: roots of stage 2, and what an entry held before. */
class Words {
  #vtcr: number | null = null;
  readonly #roots = new Map<number, number>();
  readonly #last = new Map<number, string>();

  of(own: Written | null, after: SteRecord): { words: readonly string[]; firstOfDomain: boolean } {
    if (own === null || own.config === 'fault') return { words: [], firstOfDomain: false };
    const [, , d2, d3] = after.words;
    let firstOfDomain = false;
    let root = 0;
    if (own.config === 'stage2' && own.domid !== null) {
      this.#vtcr ??= Number((BigInt(d2 ?? 0) >> 32n) & 0x7ffffn);
      firstOfDomain = !this.#roots.has(own.domid);
      if (firstOfDomain) this.#roots.set(own.domid, Number(d3 ?? 0));
      root = this.#roots.get(own.domid) ?? 0;
    }
    const words = [...steWords(own.config, { vmid: own.vmid ?? 0, vtcr: this.#vtcr ?? 0, tableBase: root })];
    // An abort leaves the root where it was.
    if (own.config === 'abort') words[3] = this.#last.get(own.streamId) ?? words[3]!;
    this.#last.set(own.streamId, words[3]!);
    return { words, firstOfDomain };
  }
}

function tableOf({ engine }: ArmMachine): Table {
  const entries = Object.values(engine.state.iommu.smmus).flatMap(({ streams }) => Object.entries(streams));
  return new Map(
    entries.flatMap(([id, { config, vmid }]) =>
      config === 'stage2' ? [[Number(id), { vmid: vmid ?? 0 }]] : [],
    ),
  );
}

/** Steps of a run that tables are named after, by the call that makes them. */
const steps: readonly (readonly [RegExp, string])[] = [
  [/^assigned/, 'assign_device'],
  [/^deassigned/, 'deassign_device'],
];

/**
 * Each table has to be the model's at some point of the run: no earlier than the table before it, and behind the call
 * it is named after.
 */
function judgeTables(name: string, text: string, moments: readonly Moment[]): Row {
  const row = new RowBuilder('arm-ste', `${name}/ste.jsonl`);
  let from = 0;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const record = parse(line, `${name}/ste.jsonl`, index + 1);
    const seen = new Map(
      ((record['entries'] ?? []) as readonly RecordObject[])
        .map((entry) => [Number(entry['sid']), readSte(entry, `${name}/ste.jsonl`, index + 1)] as const)
        .filter(([, { config }]) => config === 'stage2'),
    );
    const step = steps.find(([pattern]) => pattern.test(String(record['tag'])))?.[1];
    const at = step === undefined ? from : moments.findIndex(({ op }, i) => i > from && op === step);
    from = nearest(moments, Math.max(from, at), seen);
    const own = moments[from]!.table;
    for (const id of new Set([...seen.keys(), ...own.keys()])) {
      row.compare(
        `line ${index + 1}`,
        `${String(record['tag'])}: entry ${hex(id)}`,
        seen.get(id)?.vmid ?? null,
        own.get(id)?.vmid ?? null,
      );
    }
  }
  return row.row();
}

function nearest(moments: readonly Moment[], from: number, seen: ReadonlyMap<number, SteRecord>): number {
  let best = from;
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = from; i < moments.length; i++) {
    const own = moments[i]!.table;
    const ids = new Set([...seen.keys(), ...own.keys()]);
    const off = [...ids].filter((id) => seen.get(id)?.vmid !== own.get(id)?.vmid).length;
    if (off < fewest) [best, fewest] = [i, off];
  }
  return best;
}
