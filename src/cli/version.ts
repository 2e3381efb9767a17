/** As in package.json: the bundle is one file that may lie anywhere, so it cannot look there. A test compares the two. */
export const VERSION = '0.1.0';

/** What `xenpci version` says. */
export const VERSION_TEXT: string = `xenpci ${VERSION}`;
