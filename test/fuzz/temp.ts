import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Dom0Layout, dom0Layout } from '../../src/api/layout.ts';

/** An empty dom0 in a folder of its own, with the folders of xenpci, and what removes it. */
export function emptyDom0(): { readonly layout: Dom0Layout; readonly remove: () => Promise<void> } {
  const root = mkdtempSync(join(tmpdir(), 'xenpci-fuzz-'));
  const layout = dom0Layout(root);
  for (const folder of [
    layout.state,
    layout.runtime,
    join(layout.runtime, 'starts'),
    layout.manifests,
    layout.procfs,
  ]) {
    mkdirSync(folder, { recursive: true });
  }
  return { layout, remove: async () => rmSync(root, { recursive: true, force: true }) };
}
