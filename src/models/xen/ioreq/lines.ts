/** Guest GSI behind INTx `pin` (0..3) of a slot (0..31): 16 to 47. @source facts/xen 6.2 */
export const guestGsi = (slot: number, pin: number): number => ((slot * 4 + (slot >>> 3) + pin) & 31) + 16;
