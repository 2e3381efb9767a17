import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Dom0Layout, dom0Layout } from '../../../src/api/layout.ts';

/** The layout of an empty folder that goes with the test. */
export function tempLayout(): Dom0Layout {
  const root = mkdtempSync(join(tmpdir(), 'xenpci-daemon-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return dom0Layout(root);
}
