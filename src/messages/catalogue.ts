import { debugKeyMessages } from './catalogue/debug-keys.js';
import { iommuMessages } from './catalogue/iommu.js';
import { libxlMessages } from './catalogue/libxl.js';
import { linuxMessages } from './catalogue/linux.js';
import { linuxPlatformMessages } from './catalogue/linux-platform.js';
import { linuxResourceMessages } from './catalogue/linux-resources.js';
import { linuxXenMessages } from './catalogue/linux-xen.js';
import { qemuMessages } from './catalogue/qemu.js';
import { xenMessages } from './catalogue/xen.js';
import { MessageIndex } from './find.js';
import type { Message } from './message.js';

/**
 * Every line of Xen, Linux, libxl, QEMU and firmware that says something about passed-through devices. Models print
 * from it, importers read with it, `xpr symptoms` looks things up in it.
 */
export const messages = {
  ...libxlMessages,
  ...linuxMessages,
  ...linuxXenMessages,
  ...linuxResourceMessages,
  ...linuxPlatformMessages,
  ...xenMessages,
  ...iommuMessages,
  ...debugKeyMessages,
  ...qemuMessages,
} satisfies Record<string, Message>;

export type MessageId = keyof typeof messages;

let index: MessageIndex<MessageId> | null = null;

/** The index over the whole catalogue; made at the first use. */
export function messageIndex(): MessageIndex<MessageId> {
  index ??= new MessageIndex<MessageId>(messages);
  return index;
}
