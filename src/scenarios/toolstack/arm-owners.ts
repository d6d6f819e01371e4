import type { DomainId } from '../../base/brand.js';
import { platformFromDtb } from '../../importers/dtb/dt-platform.js';
import { formatSbdf } from '../../pci/sbdf.js';
import { twoBridgesDtb } from '../../platform/built-in/two-bridges.js';
import { withTwoNics } from '../../platform/built-in/two-nics.js';
import type { Scenario } from '../scenario.js';
import { dom0NameOf } from '../segments/boot.js';
import { command } from './neutral.js';

const dom0 = 0 as DomainId;
const guest = 2 as DomainId;

/**
 * The FIXME of the proposed system controls: `machine_sbdf` is in whose numbering? The toolstack names a device as
 * Dom0's Linux does. @source facts/dom0 12.1, facts/xen 13.1
 */
const flagInAnotherNumbering: Scenario = {
  name: 'assigned-flag-on-the-wrong-device',
  title: 'The device I marked as assignable is not the one the guest gets',
  source: 'RFC of November 2020 (FIXME in the patch), facts/dom0 12.1; thread of 2015 on segments',
  shows:
    'Xen and Dom0 number two host bridges the other way round. The flag lands on the card behind the other bridge; libxl grants the registers of the one and Xen gives away the DMA of the other.',
  expects: ['SEG-003', 'SEG-001', 'CFG-001', 'IOM-001', 'ASG-014'],
  policies: { assignable: 'xen-flag', 'pci-passthrough': 'off' },
  takesPlatform: false,
  platform: () => withTwoNics(platformFromDtb(twoBridgesDtb())),
  programs: () => ({
    *administrator(machine) {
      const { bridges, functions } = machine.env.platform;
      for (const { cfgBase } of bridges)
        yield { kind: 'bridge.probed', by: 'xen', data: { by: 'xen', cfgBase, result: 'bound' } };
      yield { kind: 'system.booted', by: 'xen', data: { dom0, domd: 1 as DomainId } };
      for (const { cfgBase } of bridges.toReversed())
        yield { kind: 'bridge.probed', by: 'd0', data: { by: 'dom0', cfgBase, result: 'bound' } };
      const names = functions.map((one) => dom0NameOf(machine, one.function));
      for (const [i, one] of functions.entries()) {
        // Behind a bridge Linux has not taken, or without a Dom0, nobody sees the card.
        const sbdf = names[i];
        if (sbdf == null) continue;
        yield {
          kind: 'hardware.described',
          by: 'owner',
          data: { sbdf: sbdf as never, function: one.function, gsi: 0, driver: 'igb', physfn: null },
        };
      }
      // Who sees no card names the one of the machine's manual.
      const device = formatSbdf(names[0] ?? 0x100);
      yield* command(machine, 'assignable-add', null, device);
      yield* command(machine, 'assignable-list', null, '');
      yield {
        kind: 'domain.created',
        by: 'toolstack',
        data: { domid: guest, type: 'arm', privileged: false, hardware: false, target: null, name: 'guest2' },
      };
      yield* command(machine, 'create', 2, device);
    },
  }),
};

/** What a domain that Xen builds can be given, and what not. @source facts/dom0 12.3; dom0less-build.c of Xen */
const staticOnly: Scenario = {
  name: 'dom0less-guest-without-its-pci-card',
  title: 'No PCI device in a dom0less guest',
  source: 'facts/dom0 12.3, facts/xen 7.4; xen/common/device-tree/dom0less-build.c',
  shows:
    'Xen gives nodes of the device tree to domains it builds. A PCI function is no node; a host bridge is one, but its own node has no `iommus`: refused, or by force with everything behind it and no protection.',
  expects: [],
  policies: { 'hardware-domain': 'dom0less' },
  takesPlatform: false,
  platform: () => withTwoNics(platformFromDtb(twoBridgesDtb())),
  programs: () => ({
    *firmware(machine) {
      const [bridge] = machine.env.platform.bridges;
      const [card] = machine.env.platform.functions;
      yield { kind: 'system.booted', by: 'xen', data: { dom0, domd: 1 as DomainId } };
      yield {
        kind: 'hardware.described',
        by: 'owner',
        data: { sbdf: 0x100 as never, function: card!.function, gsi: 0, driver: 'igb', physfn: null },
      };
      const wish = { domid: 1 as DomainId, found: true, hasReg: true, hasIommus: true, force: false };
      for (const more of [
        { path: '/soc/ethernet@fff51000' },
        { path: '/soc/ethernet@fff52000', hasReg: false },
        { path: '/soc/ethernet@fff53000', found: false },
        { path: '0000:01:00.0' },
        { path: bridge!.node, hasIommus: false },
        { path: bridge!.node, hasIommus: false, force: true },
      ]) {
        yield { kind: 'static.wanted', by: 'xen', data: { ...wish, ...more } };
      }
      yield* command(machine, 'assignable-list', null, '');
    },
  }),
};

/** Owners and stores on ARM, where the thread of 2020 began. */
export const armOwners: readonly Scenario[] = [flagInAnotherNumbering, staticOnly];
