import { inForce } from '../../plan/approval.ts';
import { whyIrreversible } from '../../plan/reversible.ts';
import type { CheckedManifest } from '../applied.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';

/** Shows what could not be taken back. @returns whether there is anything. */
export function showIrreversible(shell: Shell, { before, after }: CheckedManifest): boolean {
  const { observed, inventory, approvals, now, status } = after;
  const failures = (address: string): number =>
    status.devices.find(device => device.address === address)?.failure?.count ?? 0;
  const standing = { approved: inForce(approvals, now), failures };
  const found = whyIrreversible({ observed, inventory, before: before.source, after: after.source, standing });
  if (found.length === 0) return false;
  const screen = new Screen(shell.stderr, shell);
  for (const { about, message } of found) screen.line(`${about} ${message}`, 'bad');
  screen.line('That could not be taken back, so it is not tried. To do it all the same: xenpci apply', 'bad');
  return true;
}
