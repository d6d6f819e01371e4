import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { networkCard, pvhPc } from '../../src/platform/built-in/pvh-pc.js';
import { PlainFunction } from '../models/xen/vpci/plain-function.js';
import type { Row } from './row.js';
import { xenVpciSet } from './sets/xen-vpci.js';

const root = mkdtempSync(join(tmpdir(), 'xpr-vpci-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

interface Recording {
  readonly tap: readonly string[];
  readonly bus: readonly string[];
}

const BANNER = '(XEN) [0000000025eaa984] Xen version 4.17.7 (somebody) debug=n\n';

/** Judges a recording laid out the way the data sets are. */
function judge({ tap, bus }: Recording, console = BANNER): readonly Row[] {
  const folder = join(root, `${count++}`);
  mkdirSync(join(folder, 'run'), { recursive: true });
  writeFileSync(join(folder, 'run', 'tap.jsonl'), `${tap.join('\n')}\n`);
  writeFileSync(join(folder, 'run', 'qemu-trace.log'), bus.map((line) => `${line}\n`).join(''));
  writeFileSync(join(folder, 'run', 'xen-console.log'), console);
  return [...(xenVpciSet.rows(folder) as Iterable<Row>)];
}

const summary = (rows: readonly Row[]): (readonly [string, number])[] =>
  rows.map(({ file, mismatched }) => [file, mismatched] as const);

interface Access {
  readonly fn: string;
  readonly target: readonly [reg: number, size: number];
  /** Null reads. */
  readonly value: number | null;
  /** Xen looks at the function on its own account before the access. */
  readonly noise: boolean;
  /** Before the access Xen removes the function, adds it again, or goes on unseen for a while. */
  readonly first?: 'remove' | 'add' | 'pause';
}

/** Registers a driver or an enumerating kernel looks at, and what it may write there. */
const access: fc.Arbitrary<Access> = fc.record({
  fn: fc.constantFrom('00:00.0', '00:02.0', '00:04.0', '00:05.0', '00:1e.0'),
  target: fc.constantFrom<readonly [number, number]>(
    [0x00, 4],
    [0x04, 2],
    [0x04, 4],
    [0x06, 2],
    [0x0e, 1],
    [0x10, 4],
    [0x14, 4],
    [0x1c, 4],
    [0x30, 4],
    [0x34, 1],
    [0x3c, 1],
    [0x50, 2],
    [0x52, 2],
    [0x54, 4],
    [0x5c, 2],
    [0x60, 4],
    [0xa2, 2],
    [0xd2, 2],
    [0xd4, 4],
    [0x100, 4],
  ),
  value: fc.option(
    fc.constantFrom(
      0,
      1,
      2,
      3,
      7,
      0x103,
      0x107,
      0x503,
      0x8000,
      0xc000,
      0xfee0_1000,
      0xfe10_0001,
      0xffff_ffff,
    ),
    { freq: 1 },
  ),
  noise: fc.boolean(),
});

/** A machine that is played with: firmware, then Xen's set-up, then the domain under the tap. */
function record(accesses: readonly Access[]): Recording {
  const images = [...pvhPc().functions, networkCard(5)];
  const names = ['00:00.0', '00:02.0', '00:04.0', '00:05.0'];
  const bus: string[] = [];
  const log = (fn: string, list: PlainFunction['accesses']): void => {
    for (const { dir, reg, value } of list.splice(0)) {
      const arrow = dir === 'read' ? '->' : '<-';
      bus.push(`pci_cfg_${dir} dev ${fn} @0x${reg.toString(16)} ${arrow} 0x${value.toString(16)}`);
    }
  };
  for (const fn of names)
    bus.push(`pci_cfg_read dev ${fn} @0x0 -> 0x8086`, `pci_cfg_write dev ${fn} @0x3c <- 0xb`);
  const functions = new Map(
    images.map((image, i) => {
      const made = new PlainFunction(image, { xen: '4.17' });
      log(names[i]!, made.accesses);
      return [names[i]!, made] as const;
    }),
  );
  const tap: string[] = [];
  for (const { fn, target, value, noise, first } of accesses) {
    const [reg, size] = target;
    const made = functions.get(fn);
    if (first === 'remove') made?.detach();
    if (first === 'add') made?.attach();
    if (first === 'pause') {
      for (let i = 0; i < 4000; i++)
        bus.push(`pci_cfg_read dev ${fn} @0x${(0x80 + (i % 16)).toString(16)} -> 0x0`);
    }
    const sbdf = `0000:${fn}`;
    const data = value === null ? null : value % 2 ** (8 * size);
    if (made !== undefined && noise) {
      for (const [at, length] of [
        [0x0e, 1],
        [0x08, 2],
        [0x00, 4],
      ] as const)
        made.hardwareRead(at, length);
    }
    const head = { seq: tap.length + 1, tsc: tap.length, cpu: 0, cur: 'd0v0' };
    if (data === null) {
      const ret = made === undefined ? 2 ** (8 * size) - 1 : made.read(reg, size);
      tap.push(JSON.stringify({ ...head, fn: 'vpci_read', sbdf, reg, size, ret }));
    } else {
      made?.write(reg, size, data);
      tap.push(JSON.stringify({ ...head, fn: 'vpci_write', sbdf, reg, size, data }));
    }
    if (made !== undefined) log(fn, made.accesses);
  }
  return { tap, bus };
}

/** What Linux does first: enough to tell where the tap begins. */
const opening = ['00:00.0', '00:02.0', '00:04.0', '00:05.0', '00:1e.0'].flatMap((fn) =>
  (
    [
      [0x00, 4],
      [0x0e, 1],
      [0x06, 2],
      [0x3c, 1],
      [0x00, 4],
    ] as const
  ).map((target) => ({
    fn,
    target,
    value: null,
    noise: false,
  })),
);

describe('the xen-vpci set', () => {
  it('foretells every call and every write of a played machine, whatever Xen does in between', () => {
    fc.assert(
      fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
        const rows = judge(record([...opening, ...accesses]));
        expect(summary(rows)).toEqual([
          ['run/tap.jsonl', 0],
          ['run/qemu-trace.log', 0],
        ]);
        expect(rows[0]!.matched).toBe(opening.length + accesses.length);
      }),
      { numRuns: 40 },
    );
  });

  const played = record([
    ...opening,
    { fn: '00:02.0', target: [0x04, 2], value: 0x101, noise: false },
    { fn: '00:02.0', target: [0x10, 4], value: 0xffff_ffff, noise: false },
    { fn: '00:02.0', target: [0x10, 4], value: null, noise: false },
    { fn: '00:02.0', target: [0x04, 2], value: 0x103, noise: false },
    { fn: '00:04.0', target: [0x54, 4], value: 0xfee0_1000, noise: false },
    { fn: '00:04.0', target: [0x54, 4], value: null, noise: false },
  ]);

  const step = (
    fn: string,
    reg: number,
    size: number,
    value: number | null = null,
    first?: Access['first'],
  ) => ({ fn, target: [reg, size], value, noise: false, ...(first === undefined ? {} : { first }) }) as const;

  it('follows a function that is removed, probed raw and set up again', () => {
    const sizing = [
      step('00:02.0', 0x04, 2, 0x0101),
      step('00:02.0', 0x10, 4, 0xffff_ffff),
      step('00:02.0', 0x10, 4),
      step('00:02.0', 0x10, 4, 0xfe14_0000),
      step('00:02.0', 0x04, 2, 0x0103),
    ];
    const recording = record([
      ...opening,
      step('00:02.0', 0xd4, 4, 0xfee0_1000),
      step('00:02.0', 0x00, 4, null, 'remove'),
      ...sizing,
      step('00:02.0', 0xd4, 4),
      step('00:02.0', 0xd2, 2, null, 'add'),
      step('00:02.0', 0x10, 4, 0),
      step('00:02.0', 0x10, 4),
      step('00:02.0', 0xd4, 4),
    ]);
    const log = `${BANNER}(XEN) [  215.622913] PCI remove device 0000:00:02.0\n`;
    expect(summary(judge(recording, log))).toEqual([
      ['run/tap.jsonl', 0],
      ['run/qemu-trace.log', 0],
    ]);
    // Without the line nobody knows that the domain reached hardware itself for a while.
    expect(judge(recording)[0]!.mismatched).toBeGreaterThan(0);
  });

  it('finds a tap again that paused while the machine went on', () => {
    const recording = record([
      ...opening,
      step('00:04.0', 0x08, 4, null, 'pause'),
      ...opening.toReversed(),
      step('00:02.0', 0x04, 2, 0x0107),
    ]);
    expect(summary(judge(recording))).toEqual([
      ['run/tap.jsonl', 0],
      ['run/qemu-trace.log', 0],
    ]);
  });

  it('counts a value the model does not give', () => {
    const tap = played.tap.map((line) => line.replace('"ret":4276097024', '"ret":0'));
    expect(tap).not.toEqual(played.tap);
    expect(summary(judge({ ...played, tap }))[0]).toEqual(['run/tap.jsonl', 1]);
  });

  it('counts a write hardware did not see, and one it saw with another value', () => {
    const at = played.bus.findLastIndex((line) => line.includes('@0x10 <- 0xfffffff0'));
    expect(at).toBeGreaterThan(0);
    const without = judge({ ...played, bus: played.bus.filter((_line, i) => i !== at) });
    expect(without[0]!.mismatched).toBe(1);
    const other = played.bus.map((line, i) => (i === at ? line.replace('0xfffffff0', '0xffffffff') : line));
    expect(judge({ ...played, bus: other })[0]!.firstMismatch?.expected).toContain('0xffffffff');
  });

  it('counts a write nobody foretold', () => {
    const at = played.bus.findLastIndex((line) => line.includes('@0x10 <- 0xfffffff0'));
    const bus = played.bus.toSpliced(at, 0, 'pci_cfg_write dev 00:02.0 @0x40 <- 0x1');
    expect(summary(judge({ ...played, bus }))).toEqual([
      ['run/tap.jsonl', 0],
      ['run/qemu-trace.log', 1],
    ]);
  });

  it('does not judge a call the recording ended in', () => {
    const last = {
      seq: played.tap.length + 1,
      fn: 'vpci_read',
      sbdf: '0000:00:02.0',
      reg: 0,
      size: 4,
      noreturn: true,
    };
    const [row] = judge({ ...played, tap: [...played.tap, JSON.stringify(last)] });
    expect(row).toMatchObject({ mismatched: 0, unmodelled: 1 });
  });

  it.each([
    [{ tap: ['{"seq":1,"fn":"vpci_read"}'], bus: [] }, 'CNF-013'],
    [{ tap: played.tap, bus: ['pci_cfg_read what', 'pci_cfg_read dev 00:00.0 @0x0 -> 0x0'] }, 'CNF-012'],
  ])('cannot judge a recording it cannot read (%#)', (recording, code) => {
    expect(() => judge(recording)).toThrowError(expect.objectContaining({ code }));
  });
});
