import diffObjects from 'microdiff';
import { follow, noWay, reasonOf, reasonText } from '../../../replay/explain/reason.js';
import { serverNames } from '../../../replay/explain/server-names.js';
import { causesOf, consequencesOf } from '../../../replay/seek/causes.js';
import { parseEventPosition } from '../../../replay/seek/position.js';
import { readsOf, type StateRead } from '../../../replay/seek/reads.js';
import { worldBefore } from '../../../replay/seek/timeline.js';
import { isInput, isKindName, kindOf, type TraceEvent } from '../../events/catalogue.js';
import { decidedBy } from '../../models/sources.js';
import { functionBehind } from '../../models/xen/config-access.js';
import { formatFunction } from '../../pci/function-id.js';
import { type AnySbdf, bdfOf, type Dom0Sbdf, type XenSbdf } from '../../pci/sbdf.js';
import { Judge } from '../../rules/judge.js';
import { deviceNamed, readByDom0 } from '../../rules/names.js';
import type { Finding } from '../../rules/rule.js';
import type { ServerNames } from '../../rules/server-names.js';
import { evolve, type ReadonlyWorld } from '../../state/world.js';
import { decodeEvent } from '../../tell/decode-event.js';
import { brief, columnsFor, compact, eventText } from '../../tell/event-line.js';
import { type EventLine, presentEvent } from '../../tell/present.js';
import { presentState } from '../../tell/present-state.js';
import { readable } from '../../tell/readable.js';
import { errnoText, sentence } from '../../tell/sentence.js';
import { showPath } from '../../tell/state-path.js';
import { required } from '../choices.js';
import { print, printJson, say, sayNext } from '../io.js';
import { findingLine, findingsJson } from '../present-finding.js';
import { type OpenTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

/** Consequences listed. */
const CONSEQUENCES = 100;
/** Parts of the state listed as read. */
const READS = 200;
const READS_SHOWN = 24;
/** Values wider than this do not push the other lines' texts aside. */
const WIDE = 32;

export const run: RunVerb = ([file, position], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const { from: seq, note } = parseEventPosition(required(position, 'the event'), trace.reader, trace.env);
    if (note !== null) say(note);
    const { told, foundThere, servers } = explain(trace, trace.reader.eventAt(seq));
    if (options['json'] === true) printJson(told);
    else print(asText(told, foundThere, servers));
    if (seq > 0) sayNext('state', { file: trace.file }, '--at', seq, '--diff', seq - 1);
    return 0;
  });

type Told = ReturnType<typeof explain>['told'];

function explain(trace: OpenTrace, event: TraceEvent) {
  const { reader, env } = trace;
  const { platform } = env;
  const line = (one: TraceEvent): EventLine => presentEvent(one, platform);
  const kind = kindOf(event.kind);
  const before = worldBefore(reader, env, event.seq);
  const names = namesIn(event, before, trace);
  const old = structuredClone(before);
  evolve(before, event, env);
  const causes = causesOf(reader, event);
  const root = isInput(event) ? event : (causes.find(isInput) ?? event);
  const servers = serverNames(reader, event.seq + 1);
  const judge = new Judge(env, { world: structuredClone(old), servers });
  judge.see(event);
  const told = {
    schema: 'explain/1',
    event: line(event),
    says: sentence(event, platform),
    meaning: kind.doc,
    told: kind.told,
    fields: Object.entries(kind.fields).map(([name, { doc }]) => ({
      name,
      value: line(event).data[name] ?? null,
      doc,
    })),
    decoded: decodeEvent(event, platform),
    names,
    decidedBy: decidedBy(root),
    answered: answeredBy(event, causes, trace),
    causes: causes.map(line),
    consequences: consequencesOf(reader, event, CONSEQUENCES).map(line),
    read: readBy(root, trace).map(({ path, value }) => ({
      path: showPath(path, platform).join('.'),
      value: presentState(value, path, platform),
    })),
    written: diffObjects(old as never, before as never).map((change) => {
      const path = change.path.map(String);
      return {
        path: showPath(path, platform).join('.'),
        before: 'oldValue' in change ? presentState(change.oldValue, path, platform) : null,
        after: 'value' in change ? presentState(change.value, path, platform) : null,
      };
    }),
    ...findingsJson(judge.found, platform),
  };
  return { told, foundThere: judge.findings, servers };
}

/** Who answered the guest's access that an event belongs to, and which rule of the design chose them; null elsewhere. */
function answeredBy(event: TraceEvent, causes: readonly TraceEvent[], { reader }: OpenTrace) {
  const access = [event, ...causes].find(({ kind }) => kind === 'io.requested');
  if (access === undefined) return null;
  const way = consequencesOf(reader, access, CONSEQUENCES).reduce(follow, noWay);
  return { by: way.handledBy, reason: reasonOf(way), why: reasonText(way) };
}

/** What the models looked at to decide what follows from an input. */
function readBy(root: TraceEvent, { reader, env }: OpenTrace): StateRead[] {
  return isInput(root) ? readsOf(root, worldBefore(reader, env, root.seq), env, READS) : [];
}

/** What each party takes the device for that an event names: a hypercall's arguments, or a field not of a guest. */
function namesIn(event: TraceEvent, state: ReadonlyWorld, { env }: OpenTrace) {
  const name = nameIn(event);
  if (name === null) return null;
  const text = (fn: ReturnType<typeof readByDom0>): string | null =>
    fn === null ? null : formatFunction(fn, env.platform);
  return {
    segment: Math.floor(name / 0x1_0000),
    bdf: bdfOf(name),
    dom0: text(readByDom0(state, env, name as number as Dom0Sbdf)),
    xen: text(functionBehind(state, env, name as number as XenSbdf)),
  };
}

function nameIn(event: TraceEvent): AnySbdf | null {
  const kind = kindOf(event.kind);
  const call = kind.holds(event.data).find((held) => held.is === 'call');
  if (call !== undefined) return deviceNamed(call.hypercall, call.op, call.args);
  const row = event.data as Readonly<Record<string, AnySbdf | null>>;
  const names = Object.entries(kind.fields).flatMap(([name, { type }]) =>
    type.is === 'sbdf' && type.numbering !== 'guest' ? [row[name] ?? null] : [],
  );
  return names[0] ?? null;
}

/** Events below one another, in columns. */
function eventLines(events: readonly EventLine[]): string[] {
  const most = (of: (one: EventLine) => number): number => Math.max(...events.map(of));
  const columns = columnsFor(
    most(({ seq }) => seq),
    most(({ atNs }) => atNs),
  );
  return events.map((one) => `  ${eventText(one, columns)}`);
}

/** `server:1` with the program that made it. */
const withMaker = (text: string, servers: ServerNames, domid: number): string =>
  text.replace(/\bserver:(\d+)/g, (_all, id: string) => servers.text(domid, Number(id)));

/** The guest an event is about. */
const domidOf = ({ data }: EventLine): number => (typeof data['domid'] === 'number' ? data['domid'] : -1);

function asText(told: Told, foundThere: readonly Finding[], servers: ServerNames): string[] {
  const lines = [eventText(told.event), '', `In words: ${told.says}.`, told.meaning];
  const shown = readable(told.event.kind, told.event.data);
  const types = isKindName(told.event.kind) ? kindOf(told.event.kind).fields : {};
  const values = told.fields.map(({ name, value }) => {
    const errno = typeof value === 'number' && value < 0 ? errnoText(types[name]!.type, value) : null;
    if (errno !== null) return `${value} (${errno})`;
    return name === 'server' && typeof value === 'number'
      ? servers.text(domidOf(told.event), value).replace('server ', '')
      : compact(shown[name] ?? value);
  });
  const width = Math.max(0, ...told.fields.map(({ name }) => name.length));
  const valueWidth = Math.max(0, ...values.map(({ length }) => (length > WIDE ? 0 : length)));
  for (const [i, { name, doc }] of told.fields.entries()) {
    lines.push(`  ${name.padEnd(width)}  ${values[i]!.padEnd(valueWidth)}  ${doc}`.trimEnd());
  }
  for (const { what, bytes, parts } of told.decoded) {
    lines.push('', `${what}${bytes === null ? '' : `: ${bytes}`}`);
    const names = Math.max(...parts.map(({ name }) => name.length));
    for (const { name, offset, value } of parts) {
      const place = offset === null ? '' : `+0x${offset.toString(16).padStart(2, '0')}  `;
      lines.push(`  ${place}${name.padEnd(names)}  ${compact(value)}`);
    }
  }
  if (told.names !== null) {
    lines.push(
      '',
      `To Dom0 that name is ${told.names.dom0 ?? 'nothing'}, to Xen ${told.names.xen ?? 'nothing'}.`,
    );
  }
  lines.push('', `Decided by: ${told.decidedBy}`);
  if (told.answered?.why)
    lines.push(`Answered by: ${withMaker(told.answered.why, servers, domidOf(told.event))}`);
  if (told.causes.length > 0) lines.push('', 'Follows from:', ...eventLines(told.causes));
  if (told.consequences.length > 0) {
    lines.push('', 'What followed:', ...eventLines(told.consequences));
  }
  if (told.read.length > 0) {
    lines.push('', 'State read for the decision:');
    for (const { path, value } of told.read.slice(0, READS_SHOWN))
      lines.push(`  ${path}: ${value === null ? 'nothing' : brief(value)}`);
    if (told.read.length > READS_SHOWN)
      lines.push(`  and ${told.read.length - READS_SHOWN} more; --json has up to ${READS}`);
  }
  if (told.written.length > 0) {
    lines.push('', 'State written:');
    for (const { path, before, after } of told.written)
      lines.push(`  ${path}: ${brief(before)} -> ${brief(after)}`);
  }
  if (foundThere.length > 0) lines.push('', 'Findings:', ...foundThere.map((one) => `  ${findingLine(one)}`));
  return lines;
}
