import { errno } from '../../base/errno.js';
import type { EventOf } from '../../events/catalogue.js';
import { bdfOf, sbdf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import { allOnes, readConfig, writeConfig } from '../hardware/config-space.js';
import { functionReached } from './config-access.js';
import { interceptWrite } from './msi.js';

/**
 * A PV domain's configuration access that Xen carries out for it, through CF8/CFC or a write to the read-only MMCFG
 * window. On x86 firmware numbers the segments, so the hardware domain's name is Xen's name. Everyone else reads all
 * ones, and writes go nowhere.
 * @source facts/xen 3.3
 */
export function decidePvAccess(context: Context, { data }: EventOf<'config.requested'>): void {
  const name = sbdf<XenSbdf>(segmentOf(data.sbdf), bdfOf(data.sbdf));
  const isHardware = context.state.domains[data.domid]?.hardware === true;
  const fn = isHardware ? functionReached(context, name, data.reg) : null;
  const completed = (value: number | null, handledBy: string): void => {
    context.emit('xen', 'config.completed', { value, handledBy, function: fn });
  };
  if (data.dir === 'read') {
    const value = fn === null ? allOnes(data.size) : readConfig(context, fn, data.reg, data.size);
    return completed(value, fn === null ? 'nobody' : 'hardware');
  }
  if (!isHardware) return completed(null, 'nobody');
  const { verdict, value } = interceptWrite(context, name, data.reg, data.size, data.value ?? 0);
  context.emit('xen', 'config.intercepted', { sbdf: name, reg: data.reg, size: data.size, verdict, value });
  completed(null, verdict === -errno.EACCES ? 'xen' : fn === null ? 'nobody' : 'hardware');
  if (verdict >= 0 && fn !== null) writeConfig(context, 'hw', fn, data.reg, data.size, value);
}
