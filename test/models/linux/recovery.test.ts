import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import type { AerResult } from '../../../src/events/kinds/aer.js';
import { mergeResult } from '../../../src/models/linux/pciback/recovery.js';
import { type Dom0Sbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { functions, Machine } from '../libxl/machine.js';

const GUEST = 1 as DomainId;
const NVME = parseSbdf<Dom0Sbdf>(functions.nvme)!;

type Said = AerResult | 'no-driver' | 'no-handler' | 'nothing';

/** What pciback asked, what it took for an answer, how the core ended and what XenStore says. */
function recover(severity: 'fatal' | 'nonfatal', said: readonly Said[], connected = true) {
  const machine = new Machine();
  machine.run('assignable-add', null, functions.nvme);
  machine.guest(GUEST, connected ? 'pv' : 'hvm', 'guest1');
  machine.run('create', GUEST, functions.nvme);
  machine.settle();
  if (connected) machine.probe(GUEST);
  machine.settle();
  const from = machine.log.length;
  machine.step({ kind: 'aer.raised', by: 'hw', data: { sbdf: NVME, severity } });
  for (const answer of said) {
    if (answer === 'nothing') machine.step({ kind: 'aer.expired', by: 'd0', data: { domid: GUEST } });
    else machine.step({ kind: 'pcifront.recovered', by: 'd1', data: { domid: GUEST, answer } });
  }
  const events = machine.log.slice(from);
  return {
    asked: events.flatMap((event) => (event.kind === 'aer.asked' ? [event.data.cmd] : [])),
    answers: events.flatMap((event) => (event.kind === 'aer.answered' ? [event.data.result] : [])),
    ended: events.flatMap((event) => (event.kind === 'aer.ended' ? [event.data.recovered] : [])),
    aerState: machine.read(`/local/domain/0/backend/pci/${GUEST}/0/aerState`),
    flags: events.flatMap((event) =>
      event.kind === 'aer.asked' || event.kind === 'aer.answered' ? [event.data.flags] : [],
    ),
    open: machine.engine.state.pcifront[GUEST]?.aer,
  };
}

/** @source facts/dom0 6; drivers/xen/xen-pciback/pci_stub.c; drivers/pci/pcie/err.c (pcie_do_recovery) */
const rows: readonly {
  readonly why: string;
  readonly severity?: 'fatal';
  readonly said: readonly Said[];
  readonly asked: readonly number[];
  readonly ended: readonly boolean[];
  readonly aerState: string | null;
}[] = [
  {
    why: 'a driver that can go on',
    said: ['can-recover', 'recovered', 'none'],
    asked: [6, 8, 7],
    ended: [true],
    aerState: null,
  },
  {
    why: 'a driver that wants a reset',
    severity: 'fatal',
    said: ['need-reset', 'recovered', 'none'],
    asked: [6, 9, 7],
    ended: [true],
    aerState: null,
  },
  {
    why: 'a driver that finds out later',
    said: ['can-recover', 'need-reset', 'recovered', 'none'],
    asked: [6, 8, 9, 7],
    ended: [true],
    aerState: null,
  },
  {
    why: 'a driver that gives the device up',
    said: ['disconnect'],
    asked: [6],
    ended: [false],
    aerState: 'aerfail',
  },
  {
    why: 'a driver that gives it up after its reset',
    said: ['need-reset', 'disconnect'],
    asked: [6, 9],
    ended: [false],
    aerState: 'aerfail',
  },
  {
    why: 'a driver without handlers',
    said: ['no-handler', 'no-handler', 'no-handler'],
    asked: [6, 8, 7],
    ended: [true],
    aerState: 'aerfail',
  },
  {
    why: 'a guest that says nothing',
    said: ['nothing', 'nothing', 'nothing'],
    asked: [6, 8, 7],
    ended: [true],
    aerState: null,
  },
];

describe('error recovery through a frontend', () => {
  it.each(rows)('$why', ({ severity, said, asked, ended, aerState }) => {
    expect(recover(severity ?? 'nonfatal', said)).toMatchObject({ asked, ended, aerState, open: undefined });
  });

  it('asks nobody where no frontend is connected, and declares the device dead', () => {
    expect(recover('nonfatal', [], false)).toMatchObject({
      asked: [],
      answers: [],
      ended: [true],
      aerState: 'aerfail',
    });
  });

  it('sets bit 2 of the flags with a question and clears it with the answer', () => {
    expect(recover('nonfatal', ['disconnect']).flags).toEqual([6, 2]);
  });

  it('takes an answer nobody asked for as nothing', () => {
    expect(recover('nonfatal', ['disconnect', 'recovered']).answers).toEqual(['disconnect']);
  });
});

describe('mergeResult', () => {
  // Rows: what the core knew; columns: what a driver says. @source merge_result
  const said: readonly AerResult[] = ['none', 'can-recover', 'need-reset', 'disconnect', 'recovered'];
  it.each<[AerResult, readonly AerResult[]]>([
    ['can-recover', ['can-recover', 'can-recover', 'need-reset', 'disconnect', 'recovered']],
    ['recovered', ['recovered', 'can-recover', 'need-reset', 'disconnect', 'recovered']],
    ['need-reset', ['need-reset', 'need-reset', 'need-reset', 'need-reset', 'need-reset']],
    ['disconnect', ['disconnect', 'disconnect', 'need-reset', 'disconnect', 'disconnect']],
  ])('%s', (sofar, merged) => {
    expect(said.map((answer) => mergeResult(sofar, answer))).toEqual(merged);
  });
});
