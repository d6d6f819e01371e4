import { worldBefore } from '../../../replay/seek/timeline.js';
import { counted } from '../../base/counted.js';
import { hex } from '../../base/hex.js';
import { catalogue, isKindName } from '../../events/catalogue.js';
import { table } from '../../tell/table.js';
import { required } from '../choices.js';
import { print, printJson } from '../io.js';
import { type OpenTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

export const run: RunVerb = ([file], options) =>
  withTrace(required(file, 'the trace'), (trace) => {
    const info = gather(trace);
    if (options['json'] === true) printJson(info);
    else print(asText(info));
    return 0;
  });

type Info = ReturnType<typeof gather>;

function gather({ reader, env }: OpenTrace) {
  const { header, index } = reader;
  const kinds = Object.fromEntries([...index.kinds].sort(([a], [b]) => (a < b ? -1 : 1)));
  let inputs = 0;
  for (const [kind, count] of index.kinds) {
    if (isKindName(kind) && catalogue[kind].role === 'input') inputs += count;
  }
  const origin = (name: string): number => index.origins.get(name) ?? 0;
  const state = worldBefore(reader, env, reader.events);
  const number = (list: readonly { cfgBase: number; segment: number | null }[], cfgBase: number) =>
    list.find((bridge) => bridge.cfgBase === cfgBase)?.segment ?? null;
  return {
    schema: 'info/1',
    creator: header.creator,
    scenario: header.scenario,
    seed: header.seed,
    events: reader.events,
    inputs,
    outcomes: reader.events - inputs,
    bytes: reader.sizeBytes,
    digest: reader.digest,
    kinds,
    origins: {
      observed: origin('observed'),
      simulated: origin('simulated'),
      inferred: origin('inferred'),
    },
    platform: {
      name: env.platform.name,
      arch: env.platform.arch,
      bridges: env.platform.bridges.map(({ cfgBase, cfgSizeBytes, busStart, busEnd, node }) => ({
        node,
        cfgBase: hex(cfgBase),
        cfgSizeBytes,
        busStart,
        busEnd,
        segments: { xen: number(state.xen.bridges, cfgBase), dom0: number(state.dom0.bridges, cfgBase) },
      })),
      functions: env.platform.functions.length,
    },
    policies: env.policies,
    switches: env.switches,
    provenance: reader.sources,
    recovered: reader.recovered,
  };
}

function asText(info: Info): string[] {
  const segment = (value: number | null): string => (value === null ? '-' : String(value));
  const bus = (value: number): string => value.toString(16).padStart(2, '0');
  return [
    `${info.scenario ?? 'imported'}${info.seed === null ? '' : `, seed ${info.seed}`}, by ${info.creator}`,
    `${counted(info.events, 'event')} (${counted(info.inputs, 'input')}, ${counted(info.outcomes, 'outcome')}), ${counted(info.bytes, 'byte')}`,
    `digest ${info.digest}`,
    `origins: ${info.origins.observed} observed, ${info.origins.simulated} simulated, ${info.origins.inferred} inferred`,
    '',
    `platform ${info.platform.name} (${info.platform.arch}), ${counted(info.platform.functions, 'function')}`,
    ...table([
      ['  bridge', 'CFG', 'size', 'buses', 'Xen', 'Dom0'],
      ...info.platform.bridges.map((one) => [
        `  ${one.node}`,
        one.cfgBase,
        hex(one.cfgSizeBytes),
        `${bus(one.busStart)}-${bus(one.busEnd)}`,
        segment(one.segments.xen),
        segment(one.segments.dom0),
      ]),
    ]),
    '',
    ...table(Object.entries(info.kinds).map(([kind, count]) => [`  ${kind}`, String(count)])),
    '',
    `policies: ${Object.entries(info.policies)
      .map((pair) => pair.join('='))
      .join(' ')}`,
    `switches: ${Object.entries(info.switches)
      .map((pair) => pair.join('='))
      .join(' ')}`,
    ...info.provenance.map(
      (from) =>
        `from ${from.file} (${from.format}, sha256 ${from.sha256.slice(0, 16)}): ${counted(from.records, 'record')}, ${from.skipped} skipped, ${from.lost} lost${from.timesBack === undefined ? '' : `, ${from.timesBack} times that go back`}`,
    ),
  ];
}
