import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { LEFT_OUT, leavingOut } from '../../../src/packaging/left-out.ts';
import { bundleProgram } from '../../../src/packaging/program.ts';
import { CHECKOUT } from '../cli/captured-shell.ts';

const TIME = { timeout: 120_000 };

/** The bytes of the program as `npm run build` makes it. */
async function program(checkout: string): Promise<Buffer> {
  const { content } = await bundleProgram(checkout, { outfile: join(checkout, 'dist/xenpci.cjs'), write: false });
  return Buffer.from(content ?? []);
}

test('the same sources make the same program, wherever they lie and however often it is made', TIME, async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'xenpci-elsewhere-'));
  onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
  cpSync(join(CHECKOUT, 'src'), join(elsewhere, 'src'), { recursive: true });
  for (const name of ['node_modules', 'package.json', 'tsconfig.json'])
    symlinkSync(join(CHECKOUT, name), join(elsewhere, name));
  const once = await program(CHECKOUT);
  expect(once.length).toBeGreaterThan(1_000_000);
  expect((await program(CHECKOUT)).equals(once)).toBe(true);
  expect((await program(elsewhere)).equals(once)).toBe(true);
});

test('what only the parts that are left out would need is not in the program', TIME, async () => {
  const { metafile } = await bundleProgram(CHECKOUT, { outfile: join(CHECKOUT, 'dist/xenpci.cjs'), write: false });
  const only = /node_modules\/(?:thread-stream|@opentelemetry|tdigest|bintrees)\//;
  expect(Object.keys(metafile.inputs).filter(path => only.test(path))).toEqual([]);
});

test('XML has the same entities with and without those of HTML', () => {
  const module: { exports: { XML_ENTITIES?: object } } = { exports: {} };
  new Function('exports', LEFT_OUT['@xmldom/xmldom/lib/entities.js'] ?? '')(module.exports);
  const whole = createRequire(import.meta.url)('@xmldom/xmldom/lib/entities.js') as { readonly XML_ENTITIES: object };
  expect({ ...module.exports.XML_ENTITIES }).toEqual({ ...whole.XML_ENTITIES });
});

test('a part that is to be left out and is not there fails the build', async () => {
  const stdin = { contents: 'export {}', resolveDir: CHECKOUT };
  const made = build({ stdin, bundle: true, write: false, plugins: [leavingOut()], logLevel: 'silent' });
  await expect(made).rejects.toThrow('@xmldom/xmldom/lib/entities.js is to be left out, and is not there');
});
