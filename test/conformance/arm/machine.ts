import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DomainId } from '../../../src/base/brand.js';
import { domids } from '../../../src/base/domid.js';
import type { InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import { type ArmCall, type ArmRecord, readArmTap } from '../../../src/importers/arm-tap/read.js';
import { platformFromDtb } from '../../../src/importers/dtb/dt-platform.js';
import { Engine } from '../../../src/models/engine.js';

import { functionId } from '../../../src/pci/function-id.js';
import { bdf } from '../../../src/pci/sbdf.js';
import type { Platform, PlatformFunction } from '../../../src/platform/platform.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { statedXen } from '../../../src/policy/releases.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { recordingNames, recordingText } from '../recording.js';

/** A recording of an ARM Xen: the tree it was given, its console, and the tap where there is one. */
export interface ArmRun {
  readonly name: string;
  readonly folder: string;
  readonly console: string;
  readonly records: readonly ArmRecord[];
}

export function* armRuns(folder: string): Generator<ArmRun> {
  for (const name of recordingNames(folder)) {
    const run = join(folder, name);
    if (!existsSync(join(run, 'machine.dtb'))) continue;
    const tap = recordingText(run, 'arm-tap.jsonl');
    const console = recordingText(run, 'xen-console.log');
    if (tap === null && console === null) continue;
    const records = tap === null ? [] : readArmTap(tap, `${name}/arm-tap.jsonl`);
    yield { name, folder: run, console: console ?? '', records };
  }
}

/** A hypercall with the records of what happened until the next one. */
export interface CallGroup {
  readonly call: ArmCall;
  readonly inside: readonly Exclude<ArmRecord, ArmCall>[];
}

const isCall = (record: ArmRecord): record is ArmCall => record.fn === 'physdev_op' || record.fn === 'domctl';

export function groupsOf(records: readonly ArmRecord[]): CallGroup[] {
  const groups: { call: ArmCall; inside: Exclude<ArmRecord, ArmCall>[] }[] = [];
  for (const record of records) {
    if (isCall(record)) groups.push({ call: record, inside: [] });
    else groups.at(-1)?.inside.push(record);
  }
  return groups;
}

const DOM0 = 0 as DomainId;

/** The models on the machine of a recording, up to the point where Dom0 runs. */
export class ArmMachine {
  readonly engine: Engine;
  readonly platform: Platform;

  constructor({ folder, console }: ArmRun) {
    const commandLine = /Command line: (.*)/.exec(console)?.[1] ?? '';
    this.platform = {
      ...platformFromDtb(readFileSync(join(folder, 'machine.dtb'))),
      functions: functionsNear(folder),
    };
    this.engine = new Engine({
      platform: this.platform,
      policies: {
        ...defaultPolicies,
        iommu: /(?:^|\s)iommu=(?:off|no|0|false)\b/.test(commandLine) ? 'off' : 'on',
        'pci-passthrough': /(?:^|\s)pci-passthrough(?:=(?:on|yes|1|true))?(?:\s|$)/.test(commandLine)
          ? 'on'
          : 'off',
      },
      switches: {
        ...defaultSwitches,
        xen: statedXen(/Xen version (\d+\.\d+(?:\.\d+)?)/.exec(console)?.[1] ?? null) ?? defaultSwitches.xen,
      },
      behaviour: currentBehaviour,
    });
    for (const { cfgBase } of this.platform.bridges)
      this.step({ kind: 'bridge.probed', by: 'xen', data: { by: 'xen', cfgBase, result: 'bound' } });
    if (this.panicked === null) this.create(DOM0);
  }

  get panicked(): string | null {
    return this.engine.state.xen.panicked;
  }

  step(draft: InputDraft): TraceEvent[] {
    return this.engine.step(draft).slice(1);
  }

  create(domid: DomainId): void {
    const isDom0 = domid === DOM0;
    this.step({
      kind: 'domain.created',
      by: isDom0 ? 'xen' : 'toolstack',
      data: { domid, type: 'arm', privileged: isDom0, hardware: isDom0, target: null, name: `d${domid}` },
    });
  }

  /** Domains are made outside of what the tap sees: one that a call speaks of is there. */
  enter(call: ArmCall): TraceEvent[] {
    const subject = call.domain;
    if (subject !== null && subject < domids.SELF && this.engine.state.domains[subject] === undefined)
      this.create(subject as DomainId);
    return this.step({
      kind: 'hypercall.issued',
      by: 'd0',
      data: {
        domid: DOM0,
        hypercall: call.fn,
        op: call.op,
        args: { ...(call.args ?? {}), ...(subject === null ? {} : { domain: subject }) },
      },
    });
  }
}

/** Configuration spaces at power-on, from the file of functions beside the recordings. */
function functionsNear(run: string): PlatformFunction[] {
  for (const folder of [run, join(run, '..'), join(run, '..', '..')]) {
    const file = readdirSync(folder).find((name) => name.endsWith('functions.json'));
    if (file === undefined) continue;
    const rows = JSON.parse(readFileSync(join(folder, file), 'utf8')) as readonly FunctionRow[];
    return rows.map(({ bridge, bus, dev, fn, config }) => ({
      function: functionId(bridge, bdf(bus, dev, fn)),
      name: '',
      config: Uint8Array.from(Buffer.from(config, 'hex')),
      writeMask: null,
      clearMask: null,
      present: true,
    }));
  }
  return [];
}

interface FunctionRow {
  readonly bridge: number;
  readonly bus: number;
  readonly dev: number;
  readonly fn: number;
  readonly config: string;
}
