import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { readDtsText } from './dts-text.js';
import type { Row } from './row.js';
import { dtbSet } from './sets/dtb.js';

const fixtures = fileURLToPath(new URL('../fixtures/dtb', import.meta.url));
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const rowsOf = (folder: string): readonly Row[] => [...(dtbSet.rows(folder) as Iterable<Row>)];

/** A copy of the fixtures whose oracle says something else. */
function doctored(edit: (oracle: string) => string): string {
  const folder = mkdtempSync(join(tmpdir(), 'xpr-dtb-'));
  folders.push(folder);
  cpSync(fixtures, folder, { recursive: true });
  const path = join(folder, 'oracle.json');
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
  return folder;
}

describe('the dtb set', () => {
  it('finds nothing mismatched in the trees of the repository', () => {
    const rows = rowsOf(fixtures);
    expect(rows.map((row) => [row.file, row.mismatched, row.unmodelled, row.firstMismatch])).toEqual(
      ['fsl-ls1028a-rdb.dtb', 'qemu-virt-gicv3-smmuv3.dtb', 'soc-shapes-v16.dtb', 'soc-shapes.dtb'].map(
        (file) => [file, 0, 0, null],
      ),
    );
    expect(rows.every((row) => row.matched > 30)).toBe(true);
  });

  it.each([
    ['"0x1f0000000"', '"0x1f0000001"', 2, 'regs'],
    ['"0x17"', '"0x18"', 4, 'iommuMap'],
  ])('counts %s written as %s in the oracle %i times', (from, to, mismatched, input) => {
    const [row] = rowsOf(doctored((oracle) => oracle.replaceAll(from, to)));
    expect(row!.mismatched).toBe(mismatched);
    expect(row!.firstMismatch?.input).toBe(input);
  });

  it('says of a field it does not know that it is not modelled', () => {
    const [row] = rowsOf(doctored((oracle) => oracle.replace('"path":', '"colour": "red", "path":')));
    expect(row).toMatchObject({ mismatched: 0, unmodelled: 1 });
  });

  it.each(['{', '[1]', '{"a.dtb": [{}]}', 'null'])('cannot judge a folder whose oracle is %s', (text) => {
    expect(() => rowsOf(doctored(() => text))).toThrowError(/oracle\.json cannot be read/);
  });

  it('cannot judge a folder whose oracle lists a tree that is not there', () => {
    const folder = doctored((oracle) => oracle.replace('"soc-shapes.dtb"', '"gone.dtb"'));
    expect(() => rowsOf(folder)).toThrowError(/gone\.dtb/);
  });
});

describe('text that dtc prints', () => {
  it('is read back to bytes whatever type dtc guessed', () => {
    const text = `/dts-v1/;

/memreserve/\t0x0000000080000000 0x0000000000010000;
/ {
\t#address-cells = <0x02>;
\tempty;
\tmodel = "a\\"b", "c\\0\\x01";

\tsoc,x@1 {
\t\traw = [01 ff];
\t\tmixed = "x", <0x1 0xfffffff0>, [00];
\t};
};
`;
    expect([...readDtsText(text)]).toEqual([
      ['/', ''],
      ['/:#address-cells', '00000002'],
      ['/:empty', ''],
      ['/:model', '6122620063000100'],
      ['/soc,x@1', ''],
      ['/soc,x@1:raw', '01ff'],
      ['/soc,x@1:mixed', '780000000001fffffff000'],
    ]);
  });
});
