import { address, domid, flag, u8, u32 } from '../field.js';
import { input, outcome } from '../kind.js';

/** @source facts/xen 1.2; xen/common/grant_table.c */
export const gnttabKinds = {
  'grant.offered': input(
    'A domain wrote an entry of its grant table.',
    {
      domid: domid('the owner of the page'),
      ref: u32('grant reference'),
      to: domid('who may use it'),
      frame: address('the frame offered'),
      readonly: flag('only for reading'),
    },
    {
      told: 'guest',
      reads: '{domid} offers frame {frame} to {to} as grant {ref}',
      decidedBy: 'state only: an entry of a grant table, facts/xen 1.2',
    },
  ),
  'grant.withdrawn': input(
    'A domain cleared an entry of its grant table.',
    {
      domid: domid('the owner of the page'),
      ref: u32('grant reference'),
    },
    {
      told: 'guest',
      reads: '{domid} takes back grant {ref}',
      decidedBy: 'state only: an entry of a grant table, facts/xen 1.2',
    },
  ),
  'grant.mapped': outcome(
    'A domain mapped a granted frame.',
    {
      domid: domid('who mapped it'),
      handle: u32('its handle'),
      from: domid('the owner of the page'),
      ref: u32('grant reference'),
      readonly: flag('mapped only for reading'),
    },
    { told: 'guest', reads: '{domid} maps grant {ref} of {from} as {handle}', gist: null },
  ),
  'grant.unmapped': outcome(
    'A domain gave up a mapping of a granted frame.',
    {
      domid: domid('who had it'),
      handle: u32('its handle'),
    },
    { told: 'guest', reads: '{domid} gives up mapping {handle}', gist: null },
  ),
  'grant.version': outcome(
    'A domain chose the layout of its grant table.',
    {
      domid: domid('the domain'),
      version: u8('1 or 2'),
    },
    { told: 'guest', reads: '{domid} has grant tables of version {version}', gist: null },
  ),
};
