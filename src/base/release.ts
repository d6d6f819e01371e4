/** This release, as package.json and the golden traces' folder have it. */
export const release = '0.3.0';

/** What a header names as its creator. */
export const creator = `xpr ${release}`;
