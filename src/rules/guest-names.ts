/** Findings about guests name no function of the machine. */
export const nothing = { function: null } as const;

export const guestName = (domid: number): string => `d${domid}`;
export const serverName = (id: number): string => (id < 0 ? 'nobody' : `server ${id}`);
