/** What was to be a look and cannot be used; the message completes "the controller ...". */
export class LookTextError extends Error {
  override readonly name: string = 'LookTextError';
}
