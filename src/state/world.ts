import type { Immutable } from 'immer';
import { brokeOff } from '../events/broke-off.js';
import { type KindName, kindNames, type TraceEvent } from '../events/catalogue.js';
import { bridgeInitSlice } from './bridge-init.js';
import { dom0Slice } from './dom0.js';
import { domainsSlice } from './domains.js';
import type { Env } from './env.js';
import { evtchnSlice } from './evtchn.js';
import { gnttabSlice } from './gnttab.js';
import { hardwareSlice } from './hardware.js';
import { iommuSlice } from './iommu.js';
import { ioreqSlice } from './ioreq.js';
import { irqSlice } from './irq.js';
import { itsSlice } from './its.js';
import { linuxTreeSlice } from './linux-tree.js';
import { marksSlice } from './marks.js';
import { memorySlice } from './memory.js';
import { mmconfigSlice } from './mmconfig.js';
import { msiSlice } from './msi.js';
import { ownersSlice } from './owners.js';
import { pageTablesSlice } from './page-tables.js';
import { pcibackSlice } from './pciback.js';
import { pcifrontSlice } from './pcifront.js';
import { permissionsSlice } from './permissions.js';
import { physmapSlice } from './physmap.js';
import { sleepSlice } from './sleep.js';
import { linuxSlice } from './sysfs.js';
import { toolstackSlice } from './toolstack.js';
import { vchanSlice } from './vchan.js';
import { vpciSlice } from './vpci.js';
import { vtdSlice } from './vtd.js';
import { xenSlice } from './xen.js';
import { xenstoreSlice } from './xenstore.js';

/** Every subject of the world. A new one is one line here and one file beside this one. */
export const slices = {
  hw: hardwareSlice,
  domains: domainsSlice,
  xen: xenSlice,
  dom0: dom0Slice,
  iommu: iommuSlice,
  its: itsSlice,
  vpci: vpciSlice,
  ioreq: ioreqSlice,
  xenstore: xenstoreSlice,
  msi: msiSlice,
  bridgeInit: bridgeInitSlice,
  irq: irqSlice,
  evtchn: evtchnSlice,
  gnttab: gnttabSlice,
  permissions: permissionsSlice,
  physmap: physmapSlice,
  linux: linuxSlice,
  linuxTree: linuxTreeSlice,
  pciback: pcibackSlice,
  pcifront: pcifrontSlice,
  toolstack: toolstackSlice,
  marks: marksSlice,
  mmconfig: mmconfigSlice,
  owners: ownersSlice,
  vchan: vchanSlice,
  memory: memorySlice,
  vtd: vtdSlice,
  pageTables: pageTablesSlice,
  sleep: sleepSlice,
};

type Slices = typeof slices;
export type SubjectName = keyof Slices;
/** The state of everything: what a log folds into. */
export type World = { [N in SubjectName]: ReturnType<Slices[N]['initial']> };
/** The state as deciders and rules see it. */
export type ReadonlyWorld = Immutable<World>;

export function initialWorld(env: Env): World {
  return Object.fromEntries(
    Object.entries(slices).map(([name, slice]) => [name, slice.initial(env)]),
  ) as World;
}

type AnyRecipe = (draft: unknown, event: TraceEvent, env: Env) => void;

/** Per kind the subjects it changes, resolved once so that the hot path is one look-up and a short loop. */
const routes: Readonly<Record<string, readonly (readonly [SubjectName, AnyRecipe])[]>> = Object.fromEntries(
  kindNames.map((kind) => [
    kind,
    (Object.keys(slices) as SubjectName[]).flatMap((name) => {
      const recipe = (slices[name].on as Partial<Record<KindName, AnyRecipe>>)[kind];
      return recipe === undefined ? [] : [[name, recipe] as const];
    }),
  ]),
);

/**
 * Applies one event to a world in place: a plain one on the replay path, an immer draft for kept states.
 * @throws {Trouble} RUN-001 when a reducer gives way
 */
export function evolve(world: World, event: TraceEvent, env: Env): void {
  if (event.kind === 'system.reset') resetMachine(world, env);
  const route = routes[event.kind]!;
  for (let i = 0; i < route.length; i++) {
    const [name, recipe] = route[i]!;
    try {
      recipe(world[name], event, env);
    } catch (error) {
      throw brokeOff(error, `the reducer of ${name}`, event);
    }
  }
}

/** A reset of the machine leaves the commands that were given, and who they were given to; all else starts anew. */
function resetMachine(world: World, env: Env): void {
  for (const name of Object.keys(slices) as SubjectName[]) {
    if (name !== 'toolstack') (world as Record<SubjectName, unknown>)[name] = slices[name].initial(env);
  }
}

/** Kinds that change no subject; a test keeps the list deliberate. */
export function statelessKinds(): KindName[] {
  return kindNames.filter((kind) => routes[kind]!.length === 0);
}
