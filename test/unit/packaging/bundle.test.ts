import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { CHECKOUT } from '../cli/captured-shell.ts';

/** The bytes of the program as `npm run build` makes it, told apart by a hash. */
async function program(absWorkingDir: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir,
    entryPoints: ['src/main.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 120,
    outfile: 'dist/xenpci.cjs',
    logLevel: 'error',
    preserveSymlinks: true,
    write: false,
  });
  return outputFiles.map(({ hash }) => hash).join();
}

test('the same sources make the same program, wherever they lie and however often it is made', {
  timeout: 120_000,
}, async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'xenpci-elsewhere-'));
  onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
  cpSync(join(CHECKOUT, 'src'), join(elsewhere, 'src'), { recursive: true });
  for (const name of ['node_modules', 'package.json', 'tsconfig.json'])
    symlinkSync(join(CHECKOUT, name), join(elsewhere, name));
  const once = await program(CHECKOUT);
  expect(await program(CHECKOUT)).toBe(once);
  expect(await program(elsewhere)).toBe(once);
});
