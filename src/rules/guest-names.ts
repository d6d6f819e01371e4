/** Findings about guests name no function of the machine. */
export const nothing = { function: null } as const;

export const guestName = (domid: number): string => `d${domid}`;
