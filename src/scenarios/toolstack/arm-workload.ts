import type { DomainId } from '../../base/brand.js';
import { platformFromDtb } from '../../importers/dtb/dt-platform.js';
import type { MachineView } from '../../machine/program.js';
import { twoBridgesDtb } from '../../platform/built-in/two-bridges.js';
import { withTwoNics } from '../../platform/built-in/two-nics.js';
import type { Scenario } from '../scenario.js';
import { dma, memory } from '../segments/boot.js';
import type { Wired } from './functions.js';
import { bootOwner, command, turns } from './neutral.js';
import { guest, type Part, start } from './parts.js';

const d = (domid: number): DomainId => domid as DomainId;

/** Everybody sees memory of its own at the same address; whose stage 2 translates a request says whose memory it reaches. */
const BUFFER = 0x4100_0000;
const BASE = 0x4000_0000;
const SIZE = 0x0800_0000;
const memoryOf = (domid: number) => memory(d(domid), BASE, BASE + domid * SIZE, SIZE);
/** An address nobody has. */
const NOWHERE = 0x9_0000_0000;

/** The two cards as their owner's Linux names them: both sides number the bridges in the order of the tree. */
const cardsOf = (machine: MachineView): readonly Wired[] =>
  machine.env.platform.functions.map((described, segment) => ({
    name: `000${segment}:01:00.0`,
    gsi: 0,
    driver: 'igb',
    described,
  }));

/** Xen finds its bridges, builds what the design has, and the owner's Linux probes its own and what is behind them. */
function* boot(machine: MachineView): Part {
  const { bridges } = machine.env.platform;
  for (const { cfgBase } of bridges)
    yield { kind: 'bridge.probed', by: 'xen', data: { by: 'xen', cfgBase, result: 'bound' } };
  yield { kind: 'system.booted', by: 'xen', data: { dom0: d(0), domd: d(1) } };
  for (const domid of [0, 1]) yield memoryOf(domid);
  yield* bootLinux(machine);
}

function* bootLinux(machine: MachineView): Part {
  for (const { cfgBase } of machine.env.platform.bridges)
    yield { kind: 'bridge.probed', by: 'owner', data: { by: 'dom0', cfgBase, result: 'bound' } };
  // On ARM pciback has no backend: it holds devices and resets them. @source facts/dom0 12.2
  yield* bootOwner(cardsOf(machine), undefined, { pvSupport: false });
}

/** What a domain that Xen builds may be given: nodes with `iommus`, by their path. A card is none. */
function* wishes(machine: MachineView): Part {
  const wish = { domid: d(4), found: true, hasReg: true, hasIommus: true, force: false };
  for (const path of ['/soc/ethernet@fff51000', cardsOf(machine)[0]!.name])
    yield { kind: 'static.wanted', by: 'xen', data: { ...wish, path } };
}

/** The life cycle of `who-owns-the-hardware` where the thread of 2020 began. */
export const armWorkload: Scenario = {
  name: 'who-owns-the-hardware-on-arm',
  title: 'One life cycle under every owner and every store, on ARM with an SMMU',
  source: 'thread of 2020, facts/dom0 12; facts/arm-msi-iommu 6',
  shows:
    "A network card behind an SMMU goes to a guest and comes back, another stays; xl dies, XenStore loses its tree, the owner of the hardware goes down. Both cards send to one address all the time: whose memory that is, is the stage 2's to say. No PV backend: pciback holds and resets. A node of the device tree and a card are wanted for a domain that Xen builds. Made for what-if.",
  expects: ['ASG-009'],
  policies: { 'pci-passthrough': 'on' },
  takesPlatform: false,
  platform: () => withTwoNics(platformFromDtb(twoBridgesDtb())),
  programs: () => ({
    *administrator(machine) {
      const [card, other] = cardsOf(machine) as [Wired, Wired];
      const both = [
        dma(card.described.function, BUFFER, 'write'),
        dma(other.described.function, BUFFER, 'write'),
      ];
      yield* boot(machine);
      yield* wishes(machine);
      yield* both;
      yield* command(machine, 'assignable-add', null, card.name);
      yield* both;
      yield* command(machine, 'assignable-list', null, '');
      yield* guest(2, 'arm', 'guest2');
      yield memoryOf(2);
      yield* command(machine, 'create', 2, card.name);
      yield* both;
      yield dma(card.described.function, NOWHERE, 'write');
      yield* command(machine, 'detach', 2, card.name);
      yield* both;
      yield* command(machine, 'attach', 2, card.name);
      yield* both;
      yield* command(machine, 'destroy', 2, '');
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: d(2) } };
      yield* guest(3, 'arm', 'guest3');
      const killed = yield* start(machine, 'create', 3, card.name);
      yield* turns(7, 3, killed);
      yield { kind: 'toolstack.killed', by: 'root', data: { job: killed } };
      yield* command(machine, 'create', 3, card.name);
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: d(3) } };
      yield { kind: 'store.lost', by: 'xenstored', data: {} };
      yield* command(machine, 'assignable-list', null, '');
      yield* command(machine, 'assignable-remove', null, card.name, { rebind: true });
      yield* both;
      yield { kind: 'owner.ended', by: 'owner', data: { how: 'its kernel crashed' } };
      yield* both;
      yield* command(machine, 'assignable-list', null, '');
      yield* boot(machine);
      yield* both;
      yield* command(machine, 'assignable-list', null, '');
    },
  }),
};
