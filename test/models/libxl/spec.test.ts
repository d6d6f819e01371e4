import { describe, expect, it } from 'vitest';
import { parseSpec } from '../../../src/models/libxl/spec.js';

describe('PCI_SPEC_STRING (facts/dom0 8.1)', () => {
  it.each([
    ['01:00.0', { device: 0x0100, vdevfn: 0, allFunctions: false }],
    ['0001:01:00.0', { device: 0x1_0100 }],
    ['1f:1f.7', { device: 0x1fff }],
    ['01:00.*@5', { device: 0x0100, allFunctions: true, vdevfn: 0x28 }],
    ['01:00.0@1f,permissive=1', { vdevfn: 0xf8, permissive: true }],
    ['01:00.0,', { device: 0x0100 }],
    ['01:00.0,permissive=1,permissive=0', { permissive: false }],
    ['01:00.0,seize=yes', { seize: false }],
    ['01:00.0,msitranslate=1,power_mgmt=1', { msitranslate: true, powerMgmt: true }],
    ['01:00.0,rdm_policy=relaxed', { rdmPolicy: 'relaxed' }],
    ['name=disk', { device: null, name: 'disk' }],
    ['bdf=01:00.0,vslot=3', { device: 0x0100, vdevfn: 0x18 }],
  ])('%s', (text, spec) => {
    expect(parseSpec(text)).toMatchObject({ spec });
  });

  it.each([
    ['01:00.0 permissive=1'],
    ['01:00.0@20'],
    ['01:00'],
    ['100:00.0'],
    ['01:20.0'],
    ['01:00.8'],
    ['01:00.0,name=disk'],
    ['permissive=1'],
    ['01:00.0,rdm_policy=none'],
    ['01:00.0,colour=red'],
    ['01:00.0,permissive'],
    [''],
  ])('%s is refused', (text) => {
    expect(parseSpec(text)).toHaveProperty('error');
  });

  it('applies defaults before its own options', () => {
    expect(parseSpec('01:00.0,permissive=0', { permissive: true, seize: true })).toMatchObject({
      spec: { permissive: false, seize: true },
    });
  });
});
