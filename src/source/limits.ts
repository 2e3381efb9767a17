/** Bytes of one manifest file: far above any real one, and little enough to read at every change. */
export const FILE_BYTES_MAX = 1_048_576;

/** Files in one folder, all its subfolders included. */
export const FILES_MAX = 4096;

/** Folders in one folder; with links across, a few of them can look like very many. */
export const FOLDERS_MAX = 1024;

/** Folders within folders. */
export const FOLDER_DEPTH_MAX = 32;

/** Documents in one file. */
export const DOCUMENTS_MAX = 1024;

/**
 * Lexemes in one file, about ten for a line. The parser's time grows with them, faster for some nonsense: a mebibyte of
 * `[]` took it 20 seconds.
 */
export const LEXEMES_MAX = 100_000;

/** Open collections at one place, as the parser counts them; a mebibyte of `{` took all of its memory. */
export const NESTING_MAX = 64;

/** Aliases (`*name`) in one file, and how many values one alias may stand for. */
export const ALIASES_MAX = 1000;

/** Problems shown for one file; the rest is counted. */
export const PROBLEMS_MAX = 100;

/** How often a file that changes under our eyes is read again before it counts as unreadable. */
export const READ_ATTEMPTS = 5;

/**
 * How often in a row a folder may change while it is read before it is no longer waited for: each time it has had
 * QUIET_MS to come to rest, so that is a second of unrest at least.
 */
export const UNREST_MAX = 10;

/** Files that are looked at at the same time: one that must come to rest first keeps few others waiting. */
export const READS_AT_ONCE = 32;
