import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { replay } from '../../../replay/run/replayer.js';
import { whatIf } from '../../../replay/run/what-if.js';
import { invariant } from '../../base/assert.js';
import { counted } from '../../base/counted.js';
import { hex } from '../../base/hex.js';
import { Recorder } from '../../machine/recorder.js';
import { Judge } from '../../rules/judge.js';
import { findScenario } from '../../scenarios/index.js';
import { runScenario, scenarioEnv, scenarioHeader } from '../../scenarios/run.js';
import { choosePolicies } from '../../state/trace-env.js';
import type { ReadonlyWorld } from '../../state/world.js';
import { table } from '../../tell/table.js';
import { type ExitCode, print, printJson, sayNext } from '../io.js';
import { chooseOutput, outputKinds } from '../output.js';
import { findingJson, findingsJson } from '../present-finding.js';
import { batches, type OpenTrace, withTrace } from '../trace-file.js';
import type { RunVerb } from '../verb.js';

const SCENARIO = 'two-bridges-swapped';
const SEED = 1;
const RECORDING = 'xen-4.22-two-bridges.xpr';

/** The main job in one go: a tree with two bridges, a recording, what is wrong with it, a replay, another design. */
export const run: RunVerb = async (_args, options): Promise<ExitCode> => {
  const keep = typeof options['out'] === 'string';
  const folder = keep ? String(options['out']) : mkdtempSync(join(tmpdir(), 'xpr-demo-'));
  mkdirSync(folder, { recursive: true });
  try {
    const file = join(folder, `${SCENARIO}.xpr`);
    await record(file, options);
    const report = await withTrace(file, (trace) => examine(trace));
    const recording = recordedRun();
    const real = recording === null ? null : await withTrace(recording, (trace) => examineReal(trace));
    if (options['json'] === true)
      printJson({ schema: 'demo/1', ...report.json, recorded: real === null ? null : real.json });
    else {
      print([...report.lines, ...(real === null ? [] : ['', ...real.lines])]);
      if (keep) sayNext('findings', { file });
    }
    return 0;
  } finally {
    if (!keep) rmSync(folder, { recursive: true, force: true });
  }
};

async function record(file: string, options: Readonly<Record<string, unknown>>): Promise<void> {
  const scenario = findScenario(SCENARIO);
  invariant(scenario !== undefined, `the demo's scenario ${SCENARIO} is gone`);
  const env = scenarioEnv(scenario, { seed: SEED, policies: {}, switches: {}, platform: null });
  const rules = { inputs: [], options: { force: options['force'] } };
  await chooseOutput(file, outputKinds.trace, rules).write((target) => {
    const recorder = new Recorder(target, scenarioHeader(scenario, env, SEED), env);
    runScenario(scenario, env, SEED, (events) => recorder.append(events));
    recorder.finish();
  });
}

function examine(trace: OpenTrace) {
  const { env, reader } = trace;
  const judge = new Judge(env);
  for (const batch of batches(trace)) for (const event of batch) judge.see(event);
  const first = judge.findings.find(({ severity }) => severity === 'error');
  invariant(first !== undefined, 'the demo finds its bug');
  const replayed = replay(env, batches(trace), { keep: 1 });
  const told = choosePolicies({ 'segments.xen': 'told-by-dom0' }, env.policies);
  const other = whatIf(env, told, batches(trace));
  const { evidence } = first;
  const lines = [
    `Platform: ${env.platform.name}, host bridges with configuration space at ${env.platform.bridges.map(({ cfgBase }) => hex(cfgBase)).join(' and ')}.`,
    `Recorded: ${reader.events} events, digest ${reader.digest.slice(0, 16)}.`,
    '',
    'Who calls which bridge what:',
    ...numberingTable(judge.world, trace),
    '',
    `The first wrong event is #${first.seq}, ${String(evidence['op'])} by Dom0:`,
    `  it meant  ${String(evidence['meant'])}, whose StreamID is ${String(evidence['streamIdReal'])}`,
    `  Xen took  ${String(evidence['taken'])}, and programs StreamID ${String(evidence['streamIdProgrammed'])}`,
    '',
    `What came of it (${judge.found.count} findings):`,
    ...judge.findings
      .filter(({ severity }) => severity === 'error')
      .map(({ rule, seq, message }) => `  ${rule} #${seq} ${message}`),
    '',
    `Replay: ${replayed.matched} of ${replayed.compared} outcomes decided again and equal, ${replayed.mismatched} different.`,
    '',
    'The same inputs when Dom0 tells Xen its numbers (the PHYSDEVOP_pci_host_bridge_add of 2015, never merged):',
    `  segments.xen=told-by-dom0: ${other.found.count === 0 ? 'no finding' : counted(other.found.count, 'finding')}, ${other.changed === 1 ? '1 input ends' : `${other.changed} inputs end`} otherwise`,
  ];
  return {
    lines,
    json: {
      events: reader.events,
      digest: reader.digest,
      bridges: bridgeNumbers(judge.world, trace),
      ...findingsJson(judge.found, env.platform),
      firstWrong: findingJson(first, env.platform),
      replay: { compared: replayed.compared, matched: replayed.matched, mismatched: replayed.mismatched },
      whatIf: {
        policies: { 'segments.xen': 'told-by-dom0' },
        findings: other.found.count,
        changed: other.changed,
      },
    },
  };
}

/** The same bug on a real machine, as it was recorded; null where the package came without its recordings. */
function recordedRun(): string | null {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const file = join(folder, 'traces', 'recordings', RECORDING);
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) return null;
  }
}

function examineReal(trace: OpenTrace) {
  const { env, reader } = trace;
  const judge = new Judge(env);
  for (const batch of batches(trace)) for (const event of batch) judge.see(event);
  const given = judge.findings.findLast(
    ({ rule, evidence }) => rule === 'SEG-001' && evidence['op'] === 'assign_device',
  );
  const replayed = replay(env, batches(trace), { keep: 1 });
  const moved =
    given === undefined
      ? []
      : [
          `Its assign_device is #${given.seq}:`,
          `  it meant  ${String(given.evidence['meant'])}, whose StreamID is ${String(given.evidence['streamIdReal'])}`,
          `  Xen took  ${String(given.evidence['taken'])}, and moved StreamID ${String(given.evidence['streamIdProgrammed'])}`,
        ];
  return {
    lines: [
      `The same on a real Xen ${env.switches.xen} with Linux ${env.switches.linux} (traces/recordings/${RECORDING}, ${reader.events} events):`,
      ...numberingTable(judge.world, trace),
      ...moved,
      `  ${counted(judge.found.count, 'finding')}; ${replayed.matched} of ${replayed.compared} outcomes decided again and equal`,
    ],
    json: {
      file: `traces/recordings/${RECORDING}`,
      events: reader.events,
      digest: reader.digest,
      bridges: bridgeNumbers(judge.world, trace),
      findings: judge.found.count,
      assigned: given === undefined ? null : findingJson(given, env.platform),
      replay: { compared: replayed.compared, matched: replayed.matched, mismatched: replayed.mismatched },
    },
  };
}

function bridgeNumbers(state: ReadonlyWorld, { env }: OpenTrace) {
  return env.platform.bridges.map(({ cfgBase, node }) => ({
    cfgBase: hex(cfgBase),
    node,
    xen: state.xen.bridges.find((bridge) => bridge.cfgBase === cfgBase)?.segment ?? null,
    dom0: state.dom0.bridges.find((bridge) => bridge.cfgBase === cfgBase)?.segment ?? null,
  }));
}

function numberingTable(state: ReadonlyWorld, trace: OpenTrace): string[] {
  const rows = bridgeNumbers(state, trace).map(({ cfgBase, node, xen, dom0 }) => [
    `  ${cfgBase}`,
    node,
    xen === null ? '-' : `segment ${xen}`,
    dom0 === null ? '-' : `segment ${dom0}`,
    xen === dom0 ? 'agree' : 'DISAGREE',
  ]);
  return table([['  CFG', 'node', 'Xen', 'Dom0', ''], ...rows]);
}
