import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Trouble } from '../../../src/base/errors.js';
import { readDeviceTree } from '../../../src/importers/dtb/fdt/read.js';
import { type FlatTree, readDtsText } from '../dts-text.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

/** Every node and every property byte of every tree in the folder, against the device-tree compiler. */
export const dtcSet: ConformanceSet = {
  name: 'dtc',
  folder: 'dtb',
  *rows(folder) {
    if (!isInstalled()) return;
    for (const file of readdirSync(folder).sort()) {
      if (file.endsWith('.dtb')) yield judge(file, join(folder, file));
    }
  },
};

/** Debian calls the package device-tree-compiler. @throws {Trouble} CNF-005 when it is missing where CI=true. */
function isInstalled(): boolean {
  if (spawnSync('dtc', ['--version']).status === 0) return true;
  if (process.env['CI'] === 'true') {
    throw new Trouble('CNF-005', 'dtc is not installed', { hint: 'apt-get install device-tree-compiler' });
  }
  process.stderr.write(
    'conformance: set dtc: skipped, dtc is not installed (apt-get install device-tree-compiler)\n',
  );
  return false;
}

function judge(file: string, path: string): Row {
  const row = new RowBuilder('dtc', file);
  const bytes = readFileSync(path);
  const dtc = spawnSync('dtc', ['-q', '-I', 'dtb', '-O', 'dts', '-'], { input: bytes, maxBuffer: 1 << 30 });
  if (dtc.status !== 0) {
    throw new Trouble('CNF-006', 'dtc cannot read the tree', { file: path, actual: dtc.stderr.toString() });
  }
  const theirs = readDtsText(dtc.stdout.toString('latin1'));
  const ours = flatten(bytes, row);
  if (ours === null) return row.row();
  row.compare('tree', 'nodes and properties in order', [...theirs.keys()], [...ours.keys()]);
  for (const [key, value] of theirs) row.compare(key, 'bytes', value, ours.get(key));
  return row.row();
}

function flatten(bytes: Uint8Array, row: RowBuilder): FlatTree | null {
  try {
    const flat = new Map<string, string>();
    for (const node of readDeviceTree(bytes).nodes) {
      flat.set(node.path, '');
      for (const { name, value } of node.properties) {
        flat.set(`${node.path}:${name}`, Buffer.from(value).toString('hex'));
      }
    }
    return flat;
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    row.compare('tree', 'read the tree', 'a tree', `${error.code}: ${error.message} at ${error.position()}`);
    return null;
  }
}
