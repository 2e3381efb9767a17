/** What is shown while a look takes its time. */
export const LOOKING = 'looking at the host';
