/** Whether bytes are a text. Logs have runs of zeros where a machine died; what is mostly zeros is something else. */
export function isText(content: Uint8Array): boolean {
  const head = content.subarray(0, 4096);
  const strange = head.filter((byte) => byte !== 0 && byte < 32 && ![9, 10, 13, 27].includes(byte)).length;
  const zeros = head.filter((byte) => byte === 0).length;
  return strange * 20 < head.length && zeros * 2 < Math.max(1, head.length);
}
