import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { QemuModel } from '../../src/emulators/qemu-model.js';
import { QemuLogParser } from '../../src/importers/qemu-log/parser.js';
import { runMachine } from '../../src/machine/machine.js';
import { currentBehaviour } from '../../src/policy/behaviours.js';
import {
  access,
  bareMachine,
  buildGuest,
  type GuestAccess,
  PCI,
  PORT,
  startServer,
} from '../../src/scenarios/ioreq/parts.js';
import { choosePolicies, chooseSwitches } from '../../src/state/trace-env.js';
import { recordedBoot, traceChunks } from '../conformance/qemu/recorded-boot.js';
import { describeMachine, functionBytes } from '../conformance/qemu/topology.js';

/** An access a recorded guest made to configuration space, and what it read; null for a write. */
type Recorded = GuestAccess & { readonly read: number | null };

const REGIONS = { 'pci-conf-idx': 'port', 'pci-conf-data': 'port', 'pcie-mmcfg-mmio': 'mem' } as const;

async function recordedAccesses(path: string, limit: number): Promise<Recorded[]> {
  const found: Recorded[] = [];
  const parser = new QemuLogParser(({ kind, name, address, sizeBytes, value }) => {
    if (found.length >= limit || !Object.hasOwn(REGIONS, name)) return;
    if (kind !== 'region-read' && kind !== 'region-write') return;
    const space = REGIONS[name as keyof typeof REGIONS];
    const cut = sizeBytes === 4 ? value : value % 2 ** (8 * sizeBytes);
    const place = { space, addr: address, size: sizeBytes };
    found.push(kind === 'region-read' ? { ...place, read: cut } : { ...place, value: cut, read: null });
  });
  for await (const chunk of traceChunks(path)) parser.push(chunk);
  parser.finish();
  return found;
}

/** Plays the accesses through Xen to one QEMU behind a server; reads that gave something else. */
async function play(folder: string, name: string, mmconfig: string, limit: number) {
  const boot = recordedBoot(folder, name)!;
  const accesses = await recordedAccesses(boot.tracePath, limit);
  const description = describeMachine(boot.cold, boot.ramMib, boot.hotplugged.map(functionBytes));
  const qemu = new QemuModel(
    { name: 'qemu', latencyNs: 1_000, names: 'announced', configBytes: 4096 },
    description,
  );
  const names = qemu.names();
  const wrong: string[] = [];
  let reads = 0;
  runMachine(
    {
      platform: bareMachine(),
      policies: choosePolicies({ mmconfig }),
      switches: chooseSwitches({}),
      behaviour: currentBehaviour,
    },
    {
      toolstack: buildGuest(1),
      *guest(machine) {
        yield* startServer('qemu', [[PORT, 0xcf8, 0xcff], ...names.map((one) => [PCI, one, one] as const)]);
        for (const { read, ...one } of accesses) {
          const got = yield* access(machine, one);
          if (read === null) continue;
          reads += 1;
          if (got === read) continue;
          wrong.push(
            `${one.space} ${one.addr.toString(16)}/${one.size}: ${read.toString(16)}, not ${got?.toString(16)}`,
          );
        }
      },
    },
    1,
    () => {},
    { models: [qemu], turnLimit: Number.POSITIVE_INFINITY },
  );
  return { wrong, reads };
}

const fixtures = fileURLToPath(new URL('../fixtures/qemu-log', import.meta.url));
const shared = fileURLToPath(new URL('../../../shared/data/qemu', import.meta.url));

describe('a recorded boot played through Xen to QEMU behind a server (facts/q35-qemu 3, 7)', () => {
  // Whoever routes, the guest must read what it read without Xen: absent functions, sizing, capabilities, ECAM.
  it.each(['none', 'notify', 'transparent'])(
    'reads what the guest of QEMU read, under %s',
    async (design) => {
      const { wrong, reads } = await play(fixtures, 'q35-boot', design, 10_000);
      expect(wrong).toEqual([]);
      expect(reads).toBeGreaterThan(200);
    },
  );

  it.runIf(existsSync(shared))(
    'reads the same over a whole machine with ports, a switch and bridges',
    async () => {
      const { wrong, reads } = await play(shared, 's1-q35-full', 'none', 4_000);
      expect(wrong).toEqual([]);
      expect(reads).toBeGreaterThan(1_000);
    },
  );
});
