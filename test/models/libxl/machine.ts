import type { DomainId } from '../../../src/base/brand.js';
import type { InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import type { ToolstackOp } from '../../../src/events/kinds/toolstack.js';
import { Engine } from '../../../src/models/engine.js';
import { backendReady } from '../../../src/models/libxl/toolstack.js';
import { functionId } from '../../../src/pci/function-id.js';
import { type Dom0Sbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { emptyPlatform, type Platform, type PlatformFunction } from '../../../src/platform/platform.js';
import { defaultPolicies, type Policies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches, type Switches } from '../../../src/policy/switches.js';
import { bytesOf, realConfigs } from '../linux/real-device.js';

const masks: Readonly<Record<number, string>> = {
  0: '00 00 00 00 47 05 00 00 00 00 00 00 ff 00 00 00',
};

function writeMask(
  bars: readonly (readonly [reg: number, mask: number])[],
  extra: readonly (readonly [number, number])[] = [],
) {
  const mask = bytesOf(masks, 4096);
  for (const [reg, bits] of bars) {
    for (let i = 0; i < 4; i++) mask[reg + i] = (bits >>> (8 * i)) & 0xff;
  }
  mask[0x3c] = 0xff;
  for (const [reg, bits] of extra) mask[reg] = bits;
  return mask;
}

/** Functions of the recorded machine: NVMe, e1000e, rtl8139 behind a PCIe-to-PCI bridge. */
export const functions = {
  bridge: '0000:00:04.0',
  nvme: '0000:01:00.0',
  e1000e: '0000:04:00.0',
  rtl8139: '0000:07:01.0',
} as const;

const gsis: Readonly<Record<string, number>> = {
  [functions.bridge]: 0,
  [functions.nvme]: 23,
  [functions.e1000e]: 23,
  [functions.rtl8139]: 21,
};

function describe(name: string, config: Uint8Array, mask: Uint8Array): PlatformFunction {
  return {
    function: functionId(0, (parseSbdf(name)! & 0xffff) as never),
    name,
    config,
    writeMask: mask,
    clearMask: null,
    present: true,
  };
}

const wide = (rows: Readonly<Record<number, string>>): Uint8Array => bytesOf(rows, 4096);

const recordedPlatform: Platform = {
  ...emptyPlatform,
  name: 'recorded',
  arch: 'x86_64',
  bridges: [
    {
      node: 'PCI0',
      compatible: [],
      access: 'mmcfg',
      cfgBase: 0xb000_0000 as never,
      cfgSizeBytes: 256 << 20,
      busStart: 0,
      busEnd: 255,
      available: true,
      xenPassthrough: false,
      isPciNode: true,
      pciDomain: 0,
      iommuMap: null,
      msiMap: null,
      msiParents: [],
      windows: [],
      registers: [],
    },
  ],
  functions: [
    describe(
      functions.bridge,
      wide({
        0: '36 1b 0e 00 07 01 10 00 00 00 04 06 00 00 01 00',
        16: '00 00 00 00 00 00 00 00 00 07 08 00 00 00 00 00',
        48: '00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00',
      }),
      writeMask([], [[0x3e, 0x7f]]),
    ),
    describe(
      functions.nvme,
      wide(realConfigs.nvme),
      writeMask(
        [
          [0x10, 0xffff_c000],
          [0x14, 0xffff_ffff],
        ],
        [
          [0x43, 0xc0],
          [0x88, 0xff],
          [0x89, 0x7f],
        ],
      ),
    ),
    describe(
      functions.e1000e,
      wide(realConfigs.e1000e),
      writeMask(
        [
          [0x10, 0xfffe_0000],
          [0x14, 0xfffe_0000],
          [0x18, 0xffff_ffe0],
          [0x1c, 0xffff_c000],
          [0x30, 0xfffc_0001],
        ],
        [
          [0xcc, 0x03],
          [0xd2, 0x01],
          [0xa3, 0xc0],
        ],
      ),
    ),
    describe(
      functions.rtl8139,
      wide(realConfigs.rtl8139),
      writeMask([
        [0x10, 0xffff_ff00],
        [0x14, 0xffff_ff00],
        [0x30, 0xfffc_0001],
      ]),
    ),
  ],
};

const d = (domid: number): DomainId => domid as DomainId;

/** A machine with its toolstack, pciback and guests, driven step by step. */
export class Machine {
  readonly engine: Engine;
  readonly log: TraceEvent[] = [];
  #job = 0;

  constructor(
    options: {
      readonly policies?: Partial<Policies>;
      readonly switches?: Partial<Switches>;
      readonly dom0?: 'pv' | 'pvh';
      readonly drivers?: Readonly<Record<string, string>>;
      readonly hide?: string;
      readonly pciback?: boolean;
      readonly behaviour?: readonly number[];
    } = {},
  ) {
    this.engine = new Engine({
      platform: recordedPlatform,
      policies: { ...defaultPolicies, ...options.policies },
      switches: { ...defaultSwitches, xen: '4.17', linux: '6.1.192', ...options.switches },
      behaviour: options.behaviour ?? currentBehaviour,
    });
    this.step({
      kind: 'domain.created',
      by: 'xen',
      data: {
        domid: d(0),
        type: options.dom0 ?? 'pv',
        privileged: true,
        hardware: true,
        target: null,
        name: 'Domain-0',
      },
    });
    this.step({ kind: 'xen.booted', by: 'xen', data: { domid: d(0) } });
    for (const name of Object.values(functions)) {
      const sbdf = parseSbdf<Dom0Sbdf>(name)!;
      this.step({
        kind: 'linux.enumerated',
        by: 'd0',
        data: {
          sbdf,
          function: functionId(0, (sbdf & 0xffff) as never),
          gsi: gsis[name]!,
          driver: options.drivers?.[name] ?? null,
          enabled: options.drivers?.[name] !== undefined,
          physfn: null,
        },
      });
    }
    if (options.pciback !== false) {
      this.step({
        kind: 'pciback.loaded',
        by: 'd0',
        data: { hide: options.hide ?? '', passthrough: false, permissive: false, pvSupport: true },
      });
    }
  }

  step(draft: InputDraft): TraceEvent[] {
    const events = this.engine.step(draft);
    this.log.push(...events);
    return events;
  }

  /** A guest whose home the toolstack makes on `create`. */
  guest(domid: number, type: 'pv' | 'hvm' | 'pvh', name: string): void {
    this.step({
      kind: 'domain.created',
      by: 'xen',
      data: { domid: d(domid), type, privileged: false, hardware: false, target: null, name },
    });
  }

  request(op: ToolstackOp, domid: number | null, devices: string, options = {}): number {
    this.#job += 1;
    this.step({
      kind: 'toolstack.requested',
      by: 'toolstack',
      data: { job: this.#job, op, domid: domid === null ? null : d(domid), devices, options },
    });
    return this.#job;
  }

  /** Runs a command to its end; the device model gives slots from 3 on, waits run out when nobody moves. */
  run(op: ToolstackOp, domid: number | null, devices: string, options = {}): number | null {
    const job = this.request(op, domid, devices, options);
    this.finish(job);
    return this.engine.state.toolstack.jobs[job]!.rc;
  }

  finish(job: number): void {
    let slot = 3;
    for (let turn = 0; turn < 500; turn++) {
      const state = this.engine.state.toolstack.jobs[job]!;
      if (state.next === null) return;
      if (state.waits === 'qmp') {
        const reply = state.next === 'find-in-dm' ? (slot++ << 3).toString(16) : '';
        this.step({ kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ok: true, reply } });
      } else if (state.waits === 'removal') {
        this.step({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
      } else if (state.waits === 'backend' && !backendReady(this.engine, state.domid!)) {
        if (!this.settle()) this.step({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
      } else {
        this.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
      }
    }
    throw new Error(`job ${job} does not end`);
  }

  /** pciback and pcifront handle what waits for them. @returns whether anything did */
  settle(): boolean {
    let moved = false;
    for (let turn = 0; turn < 500; turn++) {
      const { pciback, pcifront } = this.engine.state;
      const front = Object.entries(pcifront).find(([, one]) => one.wakes > 0);
      if (pciback.wakes.length > 0 && pciback.running)
        this.step({ kind: 'pciback.woke', by: 'd0', data: {} });
      else if (front !== undefined) {
        const domid = d(Number(front[0]));
        this.step({ kind: 'pcifront.woke', by: `d${domid}`, data: { domid } });
      } else return moved;
      moved = true;
    }
    throw new Error('the backends do not settle');
  }

  probe(domid: number, magic = '7'): void {
    this.step({ kind: 'pcifront.probed', by: `d${domid}`, data: { domid: d(domid), magic } });
  }

  read(path: string): string | null {
    return this.engine.state.xenstore.nodes[path]?.value ?? null;
  }

  /** What left the toolstack and the kernel, one line each, since the mark. */
  trail(from = 0): string[] {
    return this.log.slice(from).flatMap((event) => {
      switch (event.kind) {
        case 'xenstore.answered': {
          const { op, path, value, error } = event.data;
          if (op === 'WRITE') return [`xs write ${path}=${value ?? ''}`];
          if (op === 'READ') return [`xs read ${path}${error === null ? '' : ` ${error}`}`];
          if (op === 'RM') return [`xs rm ${path}${error === null ? '' : ` ${error}`}`];
          return [];
        }
        case 'sysfs.accessed': {
          const { verb, path, value, errno } = event.data;
          return [
            `sysfs ${verb} ${path}${value === null ? '' : `=${value}`}${errno === 0 ? '' : ` ${errno}`}`,
          ];
        }
        case 'hypercall.entered':
          return [`${event.data.hypercall} ${event.data.op}`];
        case 'toolstack.asked':
          return [`qmp ${event.data.command}`];
        case 'toolstack.logged':
          return [`${event.data.level}: ${event.data.text}`];
        case 'linux.device-reset':
          return [`reset ${event.data.method ?? 'none'}`];
        default:
          return [];
      }
    });
  }
}
