import { describe, expect, it } from 'vitest';
import { Commands, type Meaning } from './toolstack/commands.js';
import type { Plan } from './toolstack/plan.js';
import { configured, typedCommands } from './toolstack/typed.js';

const log = `@@ 45.91 pci-assignable-add 04:00.0 07:01.0
+ xl pci-assignable-add -n nic 04:00.0
libxl: warning: libxl_pci.c:822:libxl__device_pci_assignable_add: 0000:04:00.0 not bound to a driver, will not be rebound.
rc=0
+ xl pci-assignable-add 0b:00.0
rc=1
+ xl pci-list g1
Vdev Device
00.0 0000:04:00.0
rc=0
+ xl pci-detach -f g1 name=nic
rc=0
+ xl pci-detach g1 00:1b.0
rc=1
+ xl list
rc=0
`;

const plan = (op: Plan['op'], domid: number | null, bdf: string | null): Plan => ({
  op,
  domid,
  devices: bdf === null ? [] : [{ bdf, options: [], vdevfn: 0, name: null, driver: null }],
  options: {},
  driver: null,
  onlyLooked: bdf === null,
});

const meaning: Meaning = {
  domid: (name) => (name === 'g1' ? 1 : null),
  device: (name) => (name === 'nic' ? '0000:04:00.0' : null),
};

describe('commands of a job log', () => {
  it('are those the shell printed, with their results; headlines are for people', () => {
    const { commands, complete } = typedCommands(log);
    expect(complete).toBe(true);
    expect(commands.map(({ op, guest, device, status }) => [op, guest, device, status])).toEqual([
      ['assignable-add', null, '0000:04:00.0', 0],
      ['assignable-add', null, '0000:0b:00.0', 1],
      ['list', 'g1', '', 0],
      ['detach', 'g1', 'name=nic', 0],
      ['detach', 'g1', '0000:00:1b.0', 1],
    ]);
    expect(commands.map(({ name, force }) => [name, force])[0]).toEqual(['nic', false]);
    expect(commands[2]!.printed).toEqual(['Vdev Device', '00.0 0000:04:00.0']);
    expect(commands[3]!.force).toBe(true);
  });

  it('are the headlines where the shell printed none, one for each device', () => {
    const { commands, complete } = typedCommands(
      '@@ 171.17 assignable-add 07:01.0 00:05.0\n@@ 9.1 create g1\n',
    );
    expect(complete).toBe(false);
    expect(commands.map(({ device }) => device)).toEqual(['0000:07:01.0', '0000:00:05.0']);
  });

  it('are told apart: a list looks like a detach that was refused', () => {
    const commands = new Commands(log, []);
    expect(commands.find(plan('assignable-add', null, '0000:04:00.0'), meaning)).toMatchObject({
      known: 'typed',
      before: [],
    });
    const list = commands.find(plan('detach', 1, null), meaning);
    expect(list).toMatchObject({
      known: 'a list',
      before: [{ op: 'assignable-add', devices: ['0000:0b:00.0'] }],
    });
    // A device may go by a name.
    expect(commands.find(plan('detach', 1, '0000:04:00.0'), meaning)).toMatchObject({
      typed: { force: true },
    });
    expect(commands.find(plan('detach', 2, null), meaning).known).toBe('not typed');
    expect(commands.find(plan('detach', 1, null), meaning)).toMatchObject({
      typed: { device: '0000:00:1b.0' },
    });
    expect(commands.rest(meaning)).toEqual([]);
  });

  it('that only looked are not taken for one that is typed later', () => {
    const commands = new Commands(log, []);
    expect(commands.find(plan('assignable-remove', null, null), meaning).known).toBe('not typed');
    expect(commands.find(plan('assignable-list', null, null), meaning).known).toBe('not typed');
    expect(commands.rest(meaning).map(({ op }) => op)).toEqual([
      'assignable-add',
      'assignable-add',
      'detach',
      'detach',
    ]);
  });

  it('have the options a configuration gives to all of its devices', () => {
    const text = `name="g1"\npci_permissive=1\npci = [ '01:00.0', "07:01.0,permissive=0",\n 'name=nic' ]\n`;
    const list = ['0000:01:00.0,permissive=1', '0000:07:01.0,permissive=0', 'name=nic,permissive=1'];
    expect(configured(text)).toEqual(list);
    const devices = ['0000:01:00.0', '0000:07:01.0', '0000:04:00.0'].flatMap(
      (bdf) => plan('create', 1, bdf).devices,
    );
    expect(new Commands('', [text]).configured('g1', devices, meaning)).toEqual(list);
    expect(new Commands('', [text]).configured('g1', devices.slice(1), meaning)).toBe(null);
  });
});
