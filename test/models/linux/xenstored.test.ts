import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import type { XenstoreOp } from '../../../src/events/kinds/xenbus.js';
import { Engine } from '../../../src/models/engine.js';
import { emptyPlatform } from '../../../src/platform/platform.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches } from '../../../src/policy/switches.js';

/** A store with Dom0's user space as `xl`, its kernel as `k0` and guest 1's kernel as `k1`. */
function store() {
  const engine = new Engine({
    platform: emptyPlatform,
    policies: defaultPolicies,
    switches: defaultSwitches,
    behaviour: currentBehaviour,
  });
  const log: string[] = [];
  for (const [conn, domid] of [
    ['xl', 0],
    ['k0', 0],
    ['k1', 1],
  ] as const) {
    engine.step({ kind: 'xenstore.connected', by: 'toolstack', data: { conn, domid: domid as DomainId } });
  }
  const ask = (conn: string, op: XenstoreOp, path: string, value: string | null = null, tx = 0): string => {
    let answer = '';
    for (const event of engine.step({
      kind: 'xenstore.requested',
      by: 'toolstack',
      data: { conn, op, path, value, tx },
    })) {
      if (event.kind === 'xenstore.answered') answer = event.data.error ?? event.data.reply;
      if (event.kind === 'xenstore.fired')
        log.push(`${event.data.conn} ${event.data.path} ${event.data.token}`);
    }
    return answer;
  };
  return { ask, fired: () => log.splice(0) };
}

describe('XenStore', () => {
  it('makes the nodes above a written one, with the permissions of the closest that was there', () => {
    const { ask } = store();
    ask('xl', 'WRITE', '/local/domain/1', '');
    ask('xl', 'SET_PERMS', '/local/domain/1', 'n0 r1');
    ask('xl', 'WRITE', '/local/domain/1/device/pci/0/state', '1');
    expect(ask('xl', 'DIRECTORY', '/local/domain/1')).toBe('device');
    expect(ask('xl', 'GET_PERMS', '/local/domain/1/device/pci')).toBe('n0 r1');
  });

  it('answers the removal of a missing node by whether its parent is there', () => {
    const { ask } = store();
    expect(ask('xl', 'RM', '/libxl/pci/0000-01-00-0/name')).toBe('ENOENT');
    ask('xl', 'WRITE', '/libxl/pci/0000-01-00-0/domid', '1');
    expect(ask('xl', 'RM', '/libxl/pci/0000-01-00-0/name')).toBe('OK');
  });

  it('lets a guest write only where it may, and hides what it may not see', () => {
    const { ask } = store();
    ask('xl', 'WRITE', '/local/domain/1/device/pci/0', '');
    ask('xl', 'SET_PERMS', '/local/domain/1/device/pci/0', 'n1 r0');
    expect(ask('k1', 'WRITE', 'device/pci/0/state', '3')).toBe('OK');
    expect(ask('k1', 'GET_PERMS', 'device/pci/0/state')).toBe('n1 r0');
    expect(ask('k1', 'WRITE', 'name', 'x')).toBe('EACCES');
    expect(ask('k1', 'READ', '/libxl/pci')).toBe('EACCES');
  });

  it('fires a new watch at once and then for everything below, with paths as they were watched', () => {
    const { ask, fired } = store();
    ask('k0', 'WATCH', 'backend', 't');
    ask('xl', 'WRITE', '/local/domain/0/backend/pci/1/0/state', '1');
    expect(fired()).toEqual(['k0 backend t', 'k0 backend/pci/1/0/state t']);
  });

  it('tells watches below a removed node of their own node only', () => {
    const { ask, fired } = store();
    ask('xl', 'WRITE', '/local/domain/1/device/pci/0/state', '1');
    ask('k0', 'WATCH', '/local/domain/1/device/pci/0/state', 't');
    fired();
    ask('xl', 'RM', '/local/domain/1');
    expect(fired()).toEqual(['k0 /local/domain/1/device/pci/0/state t']);
  });

  it('shows a transaction at its end, in the order of first access', () => {
    const { ask, fired } = store();
    ask('k0', 'WATCH', 'backend', 't');
    fired();
    const tx = Number(ask('xl', 'TRANSACTION_START', ''));
    ask('xl', 'WRITE', '/local/domain/0/backend/b', '1', tx);
    ask('xl', 'WRITE', '/local/domain/0/backend/a', '2', tx);
    expect(ask('k0', 'READ', 'backend/a')).toBe('ENOENT');
    expect(ask('xl', 'READ', '/local/domain/0/backend/a', null, tx)).toBe('2');
    expect(ask('xl', 'TRANSACTION_END', '', 'T', tx)).toBe('OK');
    expect(fired()).toEqual(['k0 backend/b t', 'k0 backend/a t']);
    expect(ask('k0', 'READ', 'backend/a')).toBe('2');
  });

  it('refuses a transaction that saw what somebody else changed', () => {
    const { ask } = store();
    ask('xl', 'WRITE', '/a', '1');
    const tx = Number(ask('xl', 'TRANSACTION_START', ''));
    ask('xl', 'READ', '/a', null, tx);
    ask('k0', 'WRITE', '/a', '2');
    ask('xl', 'WRITE', '/b', '1', tx);
    expect(ask('xl', 'TRANSACTION_END', '', 'T', tx)).toBe('EAGAIN');
    expect(ask('xl', 'READ', '/b')).toBe('ENOENT');
  });

  it('forgets a transaction that ends with F', () => {
    const { ask } = store();
    const tx = Number(ask('xl', 'TRANSACTION_START', ''));
    ask('xl', 'WRITE', '/b', '1', tx);
    expect(ask('xl', 'TRANSACTION_END', '', 'F', tx)).toBe('OK');
    expect(ask('xl', 'READ', '/b')).toBe('ENOENT');
  });
});
