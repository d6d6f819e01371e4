import { errnoName } from '../base/errno.js';
import { pciCommands, pciErrors, xenbusStates } from '../models/linux/pciif/page.js';
import { backendOf } from '../models/xenstore/xenbus.js';
import type { FunctionId } from '../pci/function-id.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Rule } from './rule.js';

const errorText = (err: number): string =>
  Object.entries(pciErrors).find(([, value]) => value === err)?.[0] ?? `${err} (${errnoName(err)})`;

const commandText = (cmd: number | null): string =>
  Object.entries(pciCommands).find(([, value]) => value === cmd)?.[0] ?? `command ${cmd ?? '?'}`;

/** ` (Closed)` for `6`; nothing for what is no XenbusState. */
function stateName(text: string): string {
  const name = Object.entries(xenbusStates).find(([, value]) => String(value) === text)?.[0];
  return name === undefined ? '' : ` (${name})`;
}

const refusedOperation: Rule = {
  code: 'PV-001',
  severity: 'warning',
  title: 'pciback refused a request of a guest',
  doc: 'A request through the shared page failed, or could not be made because the two ends are not connected; drivers in the guest see a bad register, no MSI or no device.',
  watch: () => {
    const asked = new Map<number, number>();
    return {
      'pciif.submitted': ({ data }) => {
        asked.set(data.domid, data.cmd);
      },
      'pciif.finished': ({ data }, { report }) => {
        if (data.err === 0) return;
        const cmd = asked.get(data.domid) ?? null;
        report({
          message: `d${data.domid}: ${commandText(cmd)} ended with ${errorText(data.err)}`,
          function: null,
          evidence: { domid: data.domid, cmd, err: data.err },
        });
      },
      'pciif.refused': ({ data }, { report }) => {
        report({
          message: `d${data.domid}: request while ${data.reason}`,
          function: null,
          evidence: { domid: data.domid, reason: data.reason },
        });
      },
    };
  },
};

const noAnswer: Rule = {
  code: 'PV-002',
  severity: 'error',
  title: 'pciback did not answer within two seconds',
  doc: 'pcifront gave a request up while pciback was still at it. The next request may be told that the work is done already (-114), or get the late answer of the first one.',
  watch: () => ({
    'pciif.expired': ({ data }, { state, report }) => {
      const serving = state.pcifront[data.domid]?.page.serving ?? null;
      report({
        message: `d${data.domid}: no answer in two seconds${serving === null ? '' : `; ${commandText(serving.cmd)} is still being carried out`}`,
        function: null,
        evidence: { domid: data.domid, serving: serving?.cmd ?? null },
      });
    },
  }),
};

const notReady: Rule = {
  code: 'PV-003',
  severity: 'warning',
  title: 'libxl waited in vain for a backend',
  doc: 'libxl wants state 4 of a PV backend before it touches its keys; one that was closed by its guest never gets there, so each device costs ten seconds and its keys stay behind.',
  watch: () => ({
    'toolstack.logged': ({ data }, { state, report }) => {
      const path = /^Backend (\S+) not ready$/.exec(data.text)?.[1];
      if (path === undefined) return;
      const held = state.xenstore.nodes[`${path}/state`]?.value ?? null;
      report({
        message: `${path} ${held === null ? 'has no state' : `stands at state ${held}${stateName(held)}`}`,
        function: null,
        evidence: { path, state: held },
      });
    },
  }),
};

const nobodyReconfigures: Rule = {
  code: 'PV-004',
  severity: 'error',
  title: 'A device was hot-plugged where no frontend can take it',
  doc: 'Without a connected pcifront nobody answers Reconfiguring: pciback never exports the device, so no owner is set and its interrupts are mapped for Dom0.',
  watch: () => ({
    'toolstack.finished': ({ data }, { state, report }) => {
      const job = state.toolstack.jobs[data.job];
      if (job?.op !== 'attach' || data.rc !== 0 || job.domid === null) return;
      const held = state.xenstore.nodes[`${backendOf(state.xenstore.nodes, job.domid)}/state`]?.value;
      const front = state.pcifront[job.domid]?.state ?? 0;
      if (held !== String(xenbusStates.Reconfiguring) || front === xenbusStates.Connected) return;
      report({
        message: `d${job.domid} has no connected frontend; its backend stands at Reconfiguring for good`,
        function: null,
        evidence: { domid: job.domid, frontend: front },
      });
    },
  }),
};

const aerUnheard: Rule = {
  code: 'PV-005',
  severity: 'error',
  title: 'An error report reached nobody',
  doc: 'pciback wrote aerState=aerfail because no frontend handles AER; no tool of the tree watches the key, and the guest runs on with a dead device.',
  watch: () => ({
    'xenstore.changed': ({ data }, { report }) => {
      if (!data.path.endsWith('/aerState') || data.value !== 'aerfail') return;
      report({
        message: `${data.path} says aerfail and nobody watches it`,
        function: null,
        evidence: { path: data.path },
      });
    },
  }),
};

const aerUnanswered: Rule = {
  code: 'PV-007',
  severity: 'error',
  title: 'A guest did not answer an error report',
  doc: "pciback waited 300 seconds and went on with an answer of its own, which is never a bad one: the recovery counts as successful, aerState is not written, and the guest's driver knows of nothing.",
  watch: () => ({
    'aer.answered': ({ data }, { state, report }) => {
      if (!data.late) return;
      report({
        message: `d${data.domid}: no answer to ${commandText(data.cmd)} of ${formatSbdf(data.sbdf)} in 300 seconds; taken for ${data.result}`,
        function: (state.linux.devices[data.sbdf]?.function ?? null) as FunctionId | null,
        dom0Name: data.sbdf,
        evidence: { domid: data.domid, cmd: data.cmd, result: data.result },
      });
    },
  }),
};

const outOfProtocol: Rule = {
  code: 'PV-006',
  severity: 'error',
  title: 'One end of the PV protocol ended the connection',
  doc: 'pciback or pcifront met something it cannot work with (another magic, a device that is not there, missing keys) and closed.',
  watch: () => ({
    'xenstore.changed': ({ data }, { report }) => {
      if (!/\/error\/backend\/pci\/\d+\/0\/error$/.test(data.path) || data.value === null) return;
      report({
        message: `pciback: ${data.value}`,
        function: null,
        evidence: { path: data.path, text: data.value },
      });
    },
  }),
};

/** Rules about the PV protocol. @source facts/dom0 3 to 7 */
export const pvRules: readonly Rule[] = [
  refusedOperation,
  noAnswer,
  notReady,
  nobodyReconfigures,
  aerUnheard,
  outOfProtocol,
  aerUnanswered,
];
