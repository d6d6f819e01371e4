import type { CfgBase, DomainId } from '../../base/brand.js';
import { limits } from '../../base/limits.js';
import type { Format, Importer, Out } from '../importer.js';
import { lines } from '../lines.js';

const VERSION = /^\(XEN\) (?:\[[^\]]*\] )?Xen version (\d+\.\d+(?:\.\d+)?)/;
const COMMAND_LINE = /^\(XEN\) (?:\[[^\]]*\] )?Command line: (.*)$/;
const LINUX =
  /^\[ *[\d.]+\] Linux version .*Debian (\d+\.\d+\.\d+)|^\[ *[\d.]+\] Linux version (\d+\.\d+\.\d+) /;
/** A host bridge of a device tree: its configuration window, then that it has a bus. */
const WINDOW = /^\[ *[\d.]+\] pci-host-generic (\S+): ECAM (?:area )?at? ?\[mem 0x([0-9a-f]+)-/;
const BOUND = /^\[ *[\d.]+\] pci-host-generic (\S+): PCI host bridge to bus [0-9a-f]{4,}:[0-9a-f]{2}$/;
/** What only a Xen on a PC prints. */
const PC =
  /^\(XEN\) (?:\[[^\]]*\] )?(?:Xen-e820 RAM map|EFI RAM map|PVH start info|Disc information|CPU Vendor:|PCI: MCFG)/;
/** Xen stopped while it probed its bridges. */
const STOPPED = /^\(XEN\) .*Inconsistent "linux,pci-domain" property in DT/;

/**
 * The console of a Xen with its Dom0: releases, Xen's options, and in which order Dom0's Linux took its host bridges. It
 * has no clock in common with other files: what it tells stands before what they tell.
 */
export const xenConsoleFormat: Format = {
  name: 'xen-console',
  doc: "the console of Xen and its Dom0: releases, options, the order of Dom0's host bridges",
  detect: (head) => {
    const some = new TextDecoder('latin1').decode(head).split('\n', 400);
    // A PC's has no host bridges that Dom0 may number its own way: `xl-dmesg` reads more of it.
    return some.some((line) => VERSION.test(line)) && !some.some((line) => PC.test(line));
  },
  open: (out) => readConsole(out),
};

function readConsole(out: Out): Importer {
  const windows = new Map<string, CfgBase>();
  const bound = new Set<CfgBase>();
  let isBooted = false;
  const boot = (): void => {
    if (!isBooted)
      out.input({ kind: 'xen.booted', by: 'xen', origin: 'observed', data: { domid: 0 as DomainId } });
    isBooted = true;
  };
  const take = (line: string): boolean => {
    const text = line.replace(/\r$/, '');
    const version = VERSION.exec(text)?.[1];
    const options = COMMAND_LINE.exec(text)?.[1];
    const linux = LINUX.exec(text);
    const window = WINDOW.exec(text);
    const bridge = BOUND.exec(text)?.[1];
    if (version !== undefined) out.fact({ is: 'release', of: 'xen', release: version });
    else if (options !== undefined) out.fact({ is: 'command-line', of: 'xen', text: options });
    else if (linux !== null) out.fact({ is: 'release', of: 'linux', release: linux[1] ?? linux[2] ?? '' });
    else if (window !== null) windows.set(window[1]!, Number.parseInt(window[2]!, 16) as CfgBase);
    else if (STOPPED.test(text)) boot();
    else if (bridge !== undefined) {
      const cfgBase = windows.get(bridge);
      // The log is often printed again at the end.
      if (cfgBase === undefined || bound.has(cfgBase)) return false;
      bound.add(cfgBase);
      boot();
      const data = { by: 'dom0', cfgBase, result: 'bound' } as const;
      out.input({ kind: 'bridge.probed', by: 'd0', origin: 'observed', data });
    } else return false;
    return true;
  };
  const count = (line: string): void => {
    out.counts.records += 1;
    if (!take(line)) out.counts.skipped += 1;
  };
  return lines(
    { line: count, end: (rest) => (rest === '' ? undefined : count(rest)) },
    limits.consoleLineBytes,
  );
}
