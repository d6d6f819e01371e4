import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoName } from '../../../src/base/errno.js';
import { Trouble } from '../../../src/base/errors.js';
import {
  type DtBridge,
  hostBridgeNodes,
  isPciHostNode,
  readBridge,
} from '../../../src/importers/dtb/dt-bridge.js';
import { platformFromTree } from '../../../src/importers/dtb/dt-platform.js';
import { AddressTranslator } from '../../../src/importers/dtb/fdt/address.js';
import { cellsOf, readTexts } from '../../../src/importers/dtb/fdt/property.js';
import { readDeviceTree } from '../../../src/importers/dtb/fdt/read.js';
import { type DeviceTree, type FdtNode, findProperty } from '../../../src/importers/dtb/fdt/tree.js';
import { mapId } from '../../../src/platform/id-map.js';
import type { HostBridge, IdMap } from '../../../src/platform/platform.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

/** A bridge of `oracle.json`: fields by name, as `fdtget` read them, and what sample ids map to. */
type OracleBridge = Readonly<Record<string, unknown>> & { readonly path: string };

/** Every field of every host bridge of the trees that `oracle.json` lists, and every sample id. */
export const dtbSet: ConformanceSet = {
  name: 'dtb',
  folder: 'dtb',
  *rows(folder) {
    const oraclePath = join(folder, 'oracle.json');
    if (!existsSync(oraclePath)) {
      throw new Trouble('CNF-004', 'the folder has no oracle.json', {
        file: folder,
        hint: 'it says what each tree holds',
      });
    }
    for (const [file, bridges] of Object.entries(readOracle(oraclePath))) {
      const path = join(folder, file);
      if (!existsSync(path)) {
        throw new Trouble('CNF-004', `oracle.json lists ${file}, which is not there`, { file: path });
      }
      yield judge(file, readFileSync(path), bridges);
    }
  },
};

/** @throws {Trouble} CNF-004 unless the file is an object of lists of bridges with a path. */
function readOracle(path: string): Readonly<Record<string, readonly OracleBridge[]>> {
  const wrong = (actual: string): Trouble =>
    new Trouble('CNF-004', 'oracle.json cannot be read', {
      file: path,
      expected: '{"<file>.dtb": [{"path": ...}]}',
      actual,
    });
  let oracle: unknown;
  try {
    oracle = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  if (typeof oracle !== 'object' || oracle === null) throw wrong(typeof oracle);
  for (const [file, bridges] of Object.entries(oracle)) {
    const listed = Array.isArray(bridges) && bridges.every((bridge) => typeof bridge?.path === 'string');
    if (!listed) throw wrong(`${file} is not a list of bridges`);
  }
  return oracle as Record<string, readonly OracleBridge[]>;
}

function judge(file: string, bytes: Uint8Array, expected: readonly OracleBridge[]): Row {
  const row = new RowBuilder('dtb', file);
  try {
    compareTree(row, readDeviceTree(bytes), expected);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    const refused = `${error.code}: ${error.message} at ${error.position() ?? '?'}`;
    row.compare('tree', 'read the tree', 'a platform', refused);
  }
  return row.row();
}

function compareTree(row: RowBuilder, tree: DeviceTree, expected: readonly OracleBridge[]): void {
  const nodes = hostBridgeNodes(tree).filter(isPciHostNode);
  row.compare(
    'tree',
    'host bridges in flattened order',
    expected.map((bridge) => bridge.path),
    nodes.map((node) => node.path),
  );
  const platform = platformFromTree(tree);
  const addresses = new AddressTranslator();
  for (const wanted of expected) {
    const node = nodes.find((candidate) => candidate.path === wanted.path);
    const built = platform.bridges.find((candidate) => candidate.node === wanted.path);
    if (node === undefined || built === undefined) {
      row.compare(wanted.path, 'host bridge', 'found', 'not found');
      continue;
    }
    compareBridge(row, wanted, fieldsOf(tree, readBridge(tree, node, addresses)), built);
  }
}

function compareBridge(
  row: RowBuilder,
  wanted: OracleBridge,
  ours: Readonly<Record<string, unknown>>,
  built: HostBridge,
): void {
  for (const [field, value] of Object.entries(wanted)) {
    if (field === 'samples') compareSamples(row, wanted.path, value as Samples, built);
    else if (field in ours) row.compare(wanted.path, field, value, ours[field]);
    else row.unmodelled(`the runner does not know the field ${field}`);
  }
  // The platform that scenarios run on must say the same as the tree it was built from.
  row.compare(wanted.path, 'platform', platformFieldsOf(wanted), {
    cfgBase: `0x${built.cfgBase.toString(16)}`,
    cfgSize: `0x${built.cfgSizeBytes.toString(16)}`,
    busRange: [built.busStart, built.busEnd],
    pciDomain: built.pciDomain,
    available: built.available,
  });
}

function platformFieldsOf(wanted: OracleBridge): unknown {
  const regs = wanted['regs'] as readonly { readonly cpuAddress: string; readonly size: string }[];
  const config = regs[wanted['configRegIndex'] as number];
  const status = wanted['status'] as string;
  const domain = wanted['pciDomain'] as number | null;
  return {
    cfgBase: config?.cpuAddress,
    cfgSize: config?.size,
    busRange: wanted['busRange'],
    pciDomain: domain === null ? null : domain & 0xffff,
    available: status === ABSENT || status === 'okay' || status === 'ok',
  };
}

type Samples = Readonly<Record<string, { readonly iommu: unknown; readonly msi: unknown }>>;

function compareSamples(row: RowBuilder, path: string, samples: Samples, built: HostBridge): void {
  for (const [rid, wanted] of Object.entries(samples)) {
    const id = Number(rid);
    row.compare(path, `iommu-map ${rid}`, wanted.iommu, sampleOf(built.iommuMap, id));
    row.compare(path, `msi-map ${rid}`, wanted.msi, sampleOf(built.msiMap, id));
  }
}

function sampleOf(map: IdMap | null, id: number): unknown {
  if (map === null) return null;
  const mapped = mapId(map, id);
  if ('errno' in mapped) return [errnoName(mapped.errno), null];
  return [mapped.target ?? 'no-match', hex(mapped.id)];
}

const ABSENT = '(absent)';

function fieldsOf(tree: DeviceTree, bridge: DtBridge): Readonly<Record<string, unknown>> {
  const { node } = bridge;
  return {
    path: node.path,
    compatible: bridge.compatible,
    status: bridge.status ?? ABSENT,
    regs: bridge.registers.map((block) => ({
      name: block.name,
      address: hex(block.address),
      cpuAddress: block.cpuAddress === null ? null : hex(block.cpuAddress),
      size: hex(block.sizeBytes),
    })),
    configRegIndex: bridge.configIndex,
    busRange: [bridge.busStart, bridge.busEnd],
    pciDomain: bridge.pciDomain,
    iommuMap: mapOf(tree, node, bridge.iommuMap, 'iommu-map'),
    iommuMapMask: maskOf(node, bridge.iommuMap, 'iommu-map-mask'),
    msiMap: mapOf(tree, node, bridge.msiMap, 'msi-map'),
    msiMapMask: maskOf(node, bridge.msiMap, 'msi-map-mask'),
    msiParent:
      findProperty(node, 'msi-parent') === null ? null : bridge.msiParents.map((parent) => parent.path),
    iommus: rawCells(node, 'iommus')?.map(hex) ?? null,
    ranges: rawCells(node, 'ranges')?.map(bare).join(' ') ?? null,
    dmaRanges: rawCells(node, 'dma-ranges')?.map(bare).join(' ') ?? null,
  };
}

function mapOf(tree: DeviceTree, node: FdtNode, map: IdMap | null, property: string): unknown {
  if (map === null) return null;
  const phandles = (rawCells(node, property) ?? []).filter((_cell, index) => index % 4 === 1);
  return map.entries.map((entry, index) => {
    const target = tree.nodeOf(phandles[index]!);
    return {
      ridBase: hex(entry.idBase),
      phandle: hex(phandles[index]!),
      target: entry.target,
      targetCompatible: target === null ? null : (readTexts(target, 'compatible')?.[0] ?? null),
      outBase: hex(entry.outBase),
      length: hex(entry.length),
    };
  });
}

function maskOf(node: FdtNode, map: IdMap | null, property: string): string | null {
  const cells = rawCells(node, property);
  if (cells === null) return null;
  return hex(map?.mask ?? cells[0] ?? 0xffffffff);
}

function rawCells(node: FdtNode, name: string): readonly number[] | null {
  const property = findProperty(node, name);
  return property === null ? null : cellsOf(property);
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function bare(cell: number): string {
  return cell.toString(16);
}
