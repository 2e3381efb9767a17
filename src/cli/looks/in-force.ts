import type { SourcedAssignment } from '../../api/manifest.ts';
import { LastGoodFile, readOnly } from '../../daemon/last-good-file.ts';
import { trialOverlays } from '../../daemon/trial/trial-overlay.ts';
import { FolderSource } from '../../source/folder-source.ts';
import type { Globals } from '../context.ts';
import { trustOf } from '../trusted.ts';
import { hostOf, manifestsInForce } from './survey.ts';

/** What is shown while manifests take their time. */
export const READING = 'reading the manifests';

/**
 * The assignments that manifests name for this host, as they are written: what persons have suspended is not in them.
 * @throws {CliError} when it cannot be told which host this is.
 */
export async function assignmentsInForce(asked: Globals): Promise<readonly SourcedAssignment[]> {
  const { layout, manifests } = await manifestsInForce(asked);
  const lastGood = readOnly(new LastGoodFile(layout));
  const overlays = trialOverlays(layout, manifests);
  const host = await hostOf(layout);
  const source = new FolderSource({ folder: manifests, host, lastGood, overlays, ...trustOf(layout) });
  try {
    return (await source.read()).assignments;
  } finally {
    await source.close();
  }
}
