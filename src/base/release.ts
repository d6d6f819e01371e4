/** This release. No other place in the code knows it; a test holds the package to it. */
export const release = '0.3.0';

/** What a header names as its creator. */
export const creator = `xpr ${release}`;
