import type { DomainId } from '../../../base/brand.js';
import type { AerResult } from '../../../events/kinds/aer.js';
import { type Dom0Sbdf, formatSbdf } from '../../../pci/sbdf.js';
import { kernelConnection } from '../../../state/pciback.js';
import type { Context, Decider } from '../../context.js';
import { linuxDomain } from '../../xen/driver-domain.js';
import { XenstoreClient } from '../../xenstore/client.js';
import { backendPath } from '../../xenstore/xenbus.js';
import { by, linuxLog } from '../devices.js';
import { pciCommands } from '../pciif/page.js';

const { aer_detected, aer_mmio, aer_slotreset, aer_resume } = pciCommands;
/** Bits of the page's flags: the frontend handles AER, the backend has a question out. @source facts/dom0 3 */
const AERHANDLER = 2;
const PCIB_ACTIVE = 4;
/** pci_channel_state: normal, frozen. */
const NORMAL = 1;
const FROZEN = 2;

/** Where a recovery stands: what the core asks next and what it has been told so far. */
interface Recovery {
  readonly sbdf: Dom0Sbdf;
  readonly fatal: boolean;
  readonly cmd: number;
  readonly status: AerResult;
}

/** The AER core of the hardware domain begins: every driver below the port is asked. @source drivers/pci/pcie/err.c */
export const decideAerRaise: Decider<'aer.raised'> = (context, { data }) => {
  if (context.state.pciback.devices[data.sbdf] === undefined) return;
  ask(context, {
    sbdf: data.sbdf,
    fatal: data.severity === 'fatal',
    cmd: aer_detected,
    status: 'can-recover',
  });
};

/** The guest's driver has spoken: pcifront writes its answer and clears the bit. @source facts/dom0 6 */
export const decideAerAnswer: Decider<'pcifront.recovered'> = (context, { data }) => {
  const asked = context.state.pcifront[data.domid]?.aer ?? null;
  if (asked === null) return;
  if (data.answer === 'no-driver')
    context.emit(`d${data.domid}`, 'linux.logged', {
      domid: data.domid,
      text: 'pcifront pci-0: device or AER driver is NULL',
    });
  const isSilent = data.answer === 'no-driver' || data.answer === 'no-handler' || asked.cmd === aer_resume;
  settle(context, data.domid, asked, isSilent ? 'none' : (data.answer as AerResult), false);
};

/** 300 seconds: pciback clears the bit and goes on with the answer it would have given itself. @source common_process */
export const decideAerExpiry: Decider<'aer.expired'> = (context, { data }) => {
  const asked = context.state.pcifront[data.domid]?.aer ?? null;
  if (asked === null) return;
  linuxLog(
    context,
    `pciback ${formatSbdf(asked.sbdf as Dom0Sbdf)}: xen_pciback: pcifront aer process not responding!`,
  );
  settle(context, data.domid, asked, ownAnswer(asked.cmd), true);
};

function settle(
  context: Context,
  domid: DomainId,
  asked: { readonly sbdf: number; readonly fatal: boolean; readonly cmd: number; readonly status: AerResult },
  result: AerResult,
  late: boolean,
): void {
  const recovery: Recovery = { ...asked, sbdf: asked.sbdf as Dom0Sbdf };
  context.emit(late ? by(context) : `d${domid}`, 'aer.answered', {
    domid,
    sbdf: recovery.sbdf,
    cmd: recovery.cmd,
    result,
    late,
    flags: AERHANDLER,
  });
  const isRefusal = result === 'none' || result === 'disconnect';
  if (isRefusal && recovery.cmd !== aer_resume) giveUp(context, domid);
  goOn(context, recovery, result);
}

/** pciback's own answer where no guest is asked. */
const ownAnswer = (cmd: number): AerResult => (cmd === aer_detected ? 'can-recover' : 'recovered');

/** One handler of pciback. A device that no guest has is the bare default; one without a page is declared dead. */
function ask(context: Context, recovery: Recovery): void {
  const { sbdf, cmd, status, fatal } = recovery;
  const domid = context.state.pciback.devices[sbdf]?.exportedTo ?? null;
  const name = `pciback ${formatSbdf(sbdf)}: xen_pciback:`;
  if (domid === null) {
    linuxLog(context, `${name} device is not found/assigned`);
    goOn(context, recovery, ownAnswer(cmd));
  } else if (context.state.pciback.backends[domid]?.connected !== true) {
    linuxLog(context, `${name} device is not connected or owned by HVM, kill it`);
    giveUp(context, domid);
    goOn(context, recovery, ownAnswer(cmd));
  } else {
    context.emit(by(context), 'aer.asked', {
      domid: domid as DomainId,
      sbdf,
      cmd,
      channel: cmd === aer_detected && fatal ? FROZEN : NORMAL,
      flags: AERHANDLER | PCIB_ACTIVE,
      status,
      fatal,
    });
  }
}

/** `kill_domain_by_device`: a key that nobody watches. */
export function giveUp(context: Context, domid: number): void {
  const store = new XenstoreClient(context, by(context), kernelConnection(linuxDomain(context)));
  store.write(`${backendPath(domid, linuxDomain(context))}/aerState`, 'aerfail');
}

/** `merge_result`: a driver that says nothing changes nothing. @source drivers/pci/pcie/err.c */
export function mergeResult(sofar: AerResult, answer: AerResult): AerResult {
  if (answer === 'none') return sofar;
  if (sofar === 'can-recover' || sofar === 'recovered') return answer;
  return sofar === 'disconnect' && answer === 'need-reset' ? 'need-reset' : sofar;
}

/** `pcie_do_recovery`: what the core asks after an answer. */
function goOn(context: Context, { sbdf, fatal, cmd, status }: Recovery, answer: AerResult): void {
  const next = (then: number): void => ask(context, { sbdf, fatal, cmd: then, status: 'recovered' });
  const merged = mergeResult(status, answer);
  if (cmd === aer_resume) end(context, sbdf, true);
  else if (cmd === aer_detected && merged === 'can-recover') next(aer_mmio);
  else if (cmd !== aer_slotreset && merged === 'need-reset') next(aer_slotreset);
  else if (merged === 'recovered') next(aer_resume);
  else end(context, sbdf, false);
}

function end(context: Context, sbdf: Dom0Sbdf, recovered: boolean): void {
  linuxLog(context, `AER: device recovery ${recovered ? 'successful' : 'failed'}`);
  context.emit(by(context), 'aer.ended', { sbdf, recovered });
}
