import { errno, errnoName } from '../base/errno.js';
import { argNumber } from '../models/hypercall.js';
import { functionBehind } from '../models/xen/config-access.js';
import { bdf, formatSbdf, sbdf, type XenSbdf } from '../pci/sbdf.js';
import { onAnswers } from './hypercalls.js';
import type { Rule } from './rule.js';

/** Types of map_pirq whose bus field is a bus and no more. @source facts/xen 2.3 */
const MSI_WITHOUT_SEGMENT = 0;

const unreadSegment: Rule = {
  code: 'IRQ-001',
  severity: 'error',
  title: 'The segment of a map_pirq went unread',
  doc: 'Type MSI is segment 0 whatever stands in the upper half of bus: Xen took, or looked for, another device of the same bus number.',
  watch: () =>
    onAnswers(
      ({ data }) =>
        data.hypercall === 'physdev_op' &&
        data.op === 'map_pirq' &&
        argNumber(data.args, 'type') === MSI_WITHOUT_SEGMENT &&
        argNumber(data.args, 'bus') >>> 16 !== 0,
      ({ data }, answer, { env, state, report }) => {
        const bus = argNumber(data.args, 'bus');
        const devfn = argNumber(data.args, 'devfn');
        const id = bdf(bus & 0xff, (devfn >>> 3) & 0x1f, devfn & 7);
        const [meant, taken] = [sbdf<XenSbdf>(bus >>> 16, id), sbdf<XenSbdf>(0, id)];
        report({
          message: `map_pirq for ${formatSbdf(meant)} by d${data.domid} was one for ${formatSbdf(taken)} (${answer.data.ret})`,
          function: functionBehind(state, env, meant),
          xenName: taken,
          evidence: { meant: formatSbdf(meant), taken: formatSbdf(taken), ret: answer.data.ret },
        });
      },
    ),
};

const leftBehind: Rule = {
  code: 'IRQ-002',
  severity: 'error',
  title: 'A device changed hands while its interrupt belonged to the former owner',
  doc: 'The MSI entry stays set up and is delivered to a domain that no longer has the device.',
  watch: () => ({
    'device.assigned': ({ data }, { state, report }) => {
      const { from } = data;
      if (from === null) return;
      const pirqs = state.irq.domains[from]?.pirqOf ?? {};
      const entries = state.irq.msi[data.sbdf]?.entries ?? [];
      const held = entries.filter((entry) => (pirqs[entry.irq] ?? 0) !== 0);
      if (held.length === 0) return;
      report({
        message: `${formatSbdf(data.sbdf)} left d${from} with pirq ${held.map((entry) => Math.abs(pirqs[entry.irq]!)).join(', ')} still mapped there`,
        function: data.function,
        xenName: data.sbdf,
        evidence: { domid: from, irqs: held.map((entry) => entry.irq) },
      });
    },
  }),
};

const exhausted: Rule = {
  code: 'IRQ-003',
  severity: 'error',
  title: 'A domain has no pirq left',
  doc: 'map_pirq or get_free_pirq answered -ENOSPC: the driver falls back to INTx or fails; extra_guest_irqs raises the limit.',
  watch: () =>
    onAnswers(
      ({ data }) =>
        data.hypercall === 'physdev_op' && (data.op === 'map_pirq' || data.op === 'get_free_pirq'),
      ({ data }, answer, { state, report }) => {
        if (answer.data.ret !== -errno.ENOSPC) return;
        const asked = argNumber(data.args, 'domid');
        const domid = data.op === 'get_free_pirq' || asked === 0x7ff0 ? data.domid : asked;
        const used = Object.keys(state.irq.domains[domid]?.pirqs ?? {}).length;
        report({
          message: `d${domid} has no free pirq (${used} in use); ${data.op} by d${data.domid} failed`,
          function: null,
          evidence: { domid, used, op: data.op },
        });
      },
    ),
};

const vectorZero: Rule = {
  code: 'IRQ-004',
  severity: 'warning',
  title: 'An MSI with vector 0 was injected',
  doc: 'Xen takes it for the event of the pirq its destination bits name; a driver that waits for an interrupt waits for ever.',
  watch: () =>
    onAnswers(
      ({ data }) =>
        data.hypercall === 'dm_op' && data.op === 'inject_msi' && (argNumber(data.args, 'data') & 0xff) === 0,
      ({ data }, answer, { report }) => {
        const domid = argNumber(data.args, 'domid');
        const { ret } = answer.data;
        report({
          message: `inject_msi into d${domid} with vector 0: ${ret === 0 ? 'an event, no interrupt' : `refused (${errnoName(ret)})`}`,
          function: null,
          evidence: { domid, addr: data.args['addr'] ?? 0, data: argNumber(data.args, 'data'), ret },
        });
      },
    ),
};

const unmappedWhileBound: Rule = {
  code: 'IRQ-005',
  severity: 'warning',
  title: 'A pirq was unmapped while its event channel was open',
  doc: 'Xen unbinds it by force and keeps the number blocked until the channel is closed.',
  watch: () => ({
    'pirq.unmapped': ({ data }, { report }) => {
      if (!data.forced) return;
      report({
        message: `pirq ${data.pirq} of d${data.domid} was unmapped under an open event channel`,
        function: null,
        evidence: { domid: data.domid, pirq: data.pirq },
      });
    },
  }),
};

/** Rules about whose an interrupt is. @source facts/xen 2.3, 6 */
export const interruptRules: readonly Rule[] = [
  unreadSegment,
  leftBehind,
  exhausted,
  vectorZero,
  unmappedWhileBound,
];
