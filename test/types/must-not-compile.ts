/**
 * Lines that must not type-check: each `@ts-expect-error` fails the type check once the line below it compiles.
 * Nothing here runs.
 */
import type { EventSeq, TraceNs } from '../../src/base/brand.js';
import { flag, u8 } from '../../src/events/field.js';
import { input, outcome } from '../../src/events/kind.js';
import type { Context } from '../../src/models/context.js';
import { functionBehind } from '../../src/models/xen/config-access.js';
import type { FunctionId } from '../../src/pci/function-id.js';
import { bdf, type Dom0Sbdf, type GuestSbdf, sbdf, type XenSbdf } from '../../src/pci/sbdf.js';
import { meantByDom0 } from '../../src/rules/names.js';
import type { Env } from '../../src/state/env.js';
import type { ReadonlyWorld } from '../../src/state/world.js';

declare const state: ReadonlyWorld;
declare const env: Env;
declare const xen: XenSbdf;
declare const dom0: Dom0Sbdf;
declare const guest: GuestSbdf;
declare const thing: FunctionId;

// @ts-expect-error Dom0's name is not Xen's
functionBehind(state, env, dom0);
// @ts-expect-error Xen's name is not Dom0's
meantByDom0(state, env, xen);
// @ts-expect-error a guest's name is neither
meantByDom0(state, env, guest);
// @ts-expect-error a function is a thing, not a name
functionBehind(state, env, thing);
// @ts-expect-error a name is not a thing
export const notAThing: FunctionId = xen;
// @ts-expect-error a bare number names nothing
functionBehind(state, env, 0x100);
// @ts-expect-error a segment and a BDF make a name, not a function
export const stillAName: FunctionId = sbdf<XenSbdf>(0, bdf(1, 0, 0));
// @ts-expect-error places in the log are not times
export const notATime: TraceNs = 5 as EventSeq;
declare const context: Context;
// @ts-expect-error deciders do not change state
context.state.xen.panicked = 'no';

const fields = { size: u8('bytes'), late: flag('') };
// @ts-expect-error a kind says who can tell it
outcome('Something happened.', fields, { reads: '{size} bytes' });
// @ts-expect-error a kind says how it reads
outcome('Something happened.', fields, { told: 'inside' });
// @ts-expect-error a line names fields of its kind only
outcome('Something happened.', fields, { told: 'inside', reads: '{sise} bytes' });
// @ts-expect-error a choice between two texts is a field too
outcome('Something happened.', fields, { told: 'inside', reads: '{size} bytes {lat?late:in time}' });
// @ts-expect-error what hardware can tell has a gist or says that it has none
outcome('Something happened.', fields, { told: 'hardware', reads: '{size} bytes' });
// @ts-expect-error the same where guests can tell it as well as the toolstack
outcome('Something happened.', fields, { told: ['guest', 'toolstack'], reads: '{size} bytes' });
// @ts-expect-error an input says which rule decides what follows
input('Somebody asked.', fields, { told: 'guest', reads: '{size} bytes' });
// @ts-expect-error the domain that can tell stands in a field
outcome('Something happened.', fields, { told: 'inside', reads: '{size} bytes', whose: 'domain' });
export const thatCompiles = outcome('It happened.', fields, {
  told: ['hardware', 'inside'],
  reads: '{size} bytes[, {late?late:in time}]',
  gist: ({ size }) => `${size} bytes`,
});
