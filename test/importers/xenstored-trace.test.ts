import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/base/limits.js';
import { XenstoredReader } from '../../src/importers/xenstored/read.js';
import { readXenstoredLog } from './xenstored-log.js';

const log = (...lines: string[]) => readXenstoredLog(`${lines.join('\n')}\n`);

describe("xenstored's access log", () => {
  it('names each life of a connection and gives the one after INTRODUCE to that domain', () => {
    const { records } = log(
      'CREATE connection 0x1',
      'CREATE connection 0x2',
      'IN 0x2 20261120 10:51:28 INTRODUCE (7 2052609 1 )',
      'CREATE connection 0x3',
      'DESTROY connection 0x2',
      'CREATE connection 0x2',
    );
    expect(records.flatMap((one) => (one.is === 'connect' ? [[one.conn, one.domid]] : []))).toEqual([
      ['c1', 0],
      ['c2', 0],
      ['c3', 7],
      ['c4', 0],
    ]);
  });

  it.each([
    ['WRITE (/local/domain/1 )', '/local/domain/1', ''],
    [
      'WRITE (/vm/u/image/cmdline console=hvc0 iommu=soft )',
      '/vm/u/image/cmdline',
      'console=hvc0 iommu=soft ',
    ],
    ['SET_PERMS (/local/domain/1 n0 r1 )', '/local/domain/1', 'n0 r1'],
    ['READ (domid )', 'domid', null],
    ['TRANSACTION_END (T )', '', 'T'],
    ['WATCH (backend FFFFFFFF82BB0B60 )', 'backend', 'FFFFFFFF82BB0B60'],
  ])('splits %s', (body, path, value) => {
    const { records } = log('CREATE connection 0x1', `IN 0x1 20261120 10:51:28 ${body}`);
    expect(records[1]).toMatchObject({ path, value });
  });

  it('reads the lines of 4.18 and later as those of 4.17: a class, a domain, a reply told twice', () => {
    const older = log(
      'CREATE connection 0x1',
      'IN 0x1 20261130 22:13:36 READ (/a )',
      'OUT 0x1 20261130 22:13:36 READ (one',
      'two)',
      'IN 0x1 20261130 22:13:36 READ (/b )',
      'DESTROY connection 0x1',
    );
    const newer = log(
      'obj: CREATE connection 0x1',
      'io: IN 0x1 (d0) 20261130 22:13:36 READ (/a )',
      'io: OUT(START) 0x1 (d0) 20261130 22:13:36 READ (one',
      'two)',
      'io: OUT(END) 0x1 (d0) 20261130 22:13:36 READ (one',
      'two)',
      'io: IN 0x1 (d0) 20261130 22:13:36 READ (/b )',
      'io: OUT(ERR) 0x1 (d0) 20261130 22:13:36 READ (three)',
      'wrl: dom    0    108  msec      10000 credit       11600 reserve          0 discard',
      'acc: what the store counts',
      'obj: DESTROY connection 0x1',
    );
    const withoutLines = ({ records }: typeof older) => records.map((one) => ({ ...one, line: 0 }));
    expect(withoutLines(newer)).toEqual(withoutLines(older));
    expect(newer.skipped).toEqual([]);
  });

  it('joins a value that holds line feeds', () => {
    const { records, skipped } = log(
      'CREATE connection 0x1',
      'IN 0x1 20261120 10:51:28 WRITE (/a one',
      'two)',
    );
    expect(records[1]).toMatchObject({ path: '/a', value: 'one\ntwo' });
    expect(skipped).toEqual([]);
  });

  it('puts requests between the reply of a start and the end into the transaction', () => {
    const { records } = log(
      'CREATE connection 0x1',
      'IN 0x1 20261120 10:51:28 TRANSACTION_START ( )',
      'IN 0x1 20261120 10:51:28 WRITE (/before 1)',
      'OUT 0x1 20261120 10:51:28 TRANSACTION_START (3 )',
      'IN 0x1 20261120 10:51:28 WRITE (/inside 1)',
      'IN 0x1 20261120 10:51:28 TRANSACTION_END (T )',
      'IN 0x1 20261120 10:51:28 WRITE (/after 1)',
    );
    expect(records.flatMap((one) => (one.is === 'request' ? [one.tx] : []))).toEqual([0, 0, 3, 3, 0]);
  });

  it('takes a write out of a transaction that was abandoned, or whose events came at once', () => {
    const abandoned = log(
      'CREATE connection 0x1',
      'OUT 0x1 20261120 10:51:28 TRANSACTION_START (1 )',
      'IN 0x1 20261120 10:51:28 WRITE (/a 1)',
      'IN 0x1 20261120 10:51:28 TRANSACTION_END (F )',
    );
    expect(abandoned.records[2]).toMatchObject({ path: '/a', tx: 0 });
    const outside = log(
      'CREATE connection 0x1',
      'OUT 0x1 20261120 10:51:28 TRANSACTION_START (1 )',
      'IN 0x1 20261120 10:51:28 READ (/a/b )',
      'IN 0x1 20261120 10:51:28 WRITE (/a/b 1)',
      'OUT 0x2 20261120 10:51:28 WATCH_EVENT (b t )',
      'OUT 0x1 20261120 10:51:28 WRITE (OK )',
      'IN 0x1 20261120 10:51:28 TRANSACTION_END (T )',
    );
    expect(outside.records.flatMap((one) => (one.is === 'request' ? [one.tx] : []))).toEqual([0, 0, 1]);
  });

  it('ends a life whose end the log does not have', () => {
    const { records } = log('CREATE connection 0x1', 'CREATE connection 0x1');
    expect(records.map(({ is }) => is)).toEqual(['connect', 'disconnect', 'connect']);
  });

  it('refuses a message without an end, and connections without end', () => {
    const open = ['CREATE connection 0x1', 'IN 0x1 20261120 10:51:28 WRITE (/a one'];
    const coded = (code: string, line: number) =>
      expect.objectContaining({ code, detail: expect.objectContaining({ at: { line } }) });
    expect(() => log(...open, ...Array.from({ length: 70_000 }, () => ''))).toThrow(coded('XSL-001', 2));
    expect(() =>
      log(...Array.from({ length: 70_000 }, (_, i) => `CREATE connection 0x${i.toString(16)}`)),
    ).toThrow(coded('XSL-002', 65_537));
  });

  it('hands records on while a transaction stays open, and those before it at once', () => {
    let given = 0;
    const reader = new XenstoredReader({
      record: () => {
        given += 1;
      },
      skipped: () => {},
    });
    const say = (line: string): void => reader.line(line, 1);
    for (let i = 0; i < 5_000; i++) say('IN 0x1 20261120 10:51:28 READ (/a )');
    expect(given).toBeGreaterThan(4_000);
    say('OUT 0x1 20261120 10:51:28 TRANSACTION_START (1 )');
    for (let i = 0; i < 100_000; i++) say('IN 0x1 20261120 10:51:28 READ (/a )');
    expect(given).toBeGreaterThan(100_000 - limits.xenstoredAheadRecords);
    reader.end('', 2);
    expect(given).toBe(105_001);
  });

  it('gives the same whatever is held: a long transaction that is abandoned', () => {
    const writes = Array.from({ length: 3_000 }, (_, i) => `IN 0x1 20261120 10:51:28 WRITE (/a/${i} 1)`);
    const { records } = log(
      'OUT 0x1 20261120 10:51:28 TRANSACTION_START (9 )',
      ...writes,
      'IN 0x1 20261120 10:51:28 TRANSACTION_END (F )',
    );
    const txs = records.flatMap((one) => (one.is === 'request' && one.op === 'WRITE' ? [one.tx] : []));
    expect(txs).toEqual(writes.map(() => 0));
  });

  it('counts lines it cannot read', () => {
    expect(log('IN 0x1 garbage', 'IN 0x1 20261120 10:51:28 NONSENSE (x )').skipped).toHaveLength(2);
  });

  it('reads which event was left out because its like still waited', () => {
    const text = 'dropping duplicate watch /local/domain/1/control/shutdown 3/0 for domain 0\n';
    expect(readXenstoredLog(text)).toEqual({
      records: [{ is: 'dropped', line: 1, domid: 0, path: '/local/domain/1/control/shutdown', token: '3/0' }],
      skipped: [],
    });
  });

  it('reads whatever it is given', () => {
    const word = fc.constantFrom(
      'IN',
      'OUT',
      '0x1',
      '0x2',
      'WRITE',
      'RM',
      'TRANSACTION_START',
      'TRANSACTION_END',
      '(',
      ')',
      '(T )',
      '(1 )',
      '(/a 1)',
      'CREATE connection 0x1',
      'DESTROY connection 0x1',
      '\n',
      '20261120 10:51:28',
      '',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        const { records, skipped } = readXenstoredLog(words.join(' '));
        expect(records.length + skipped.length).toBeLessThanOrEqual(words.length + 1);
      }),
    );
  });
});
