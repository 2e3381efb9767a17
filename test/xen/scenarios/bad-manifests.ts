/** Manifests broken by hand, while a device is attached by their earlier good content. */
import assert from 'node:assert/strict';
import { becomes, stays } from '../dom0/deadline.ts';
import { driverOf, NIC_ID, NICS } from '../dom0/devices.ts';
import { deviceLists, Guest } from '../dom0/guest.ts';
import { assignment } from '../dom0/manifest.ts';
import { MANIFESTS, Product, removeManifest, writeManifest, xenpci } from '../dom0/product.ts';
import { loggedLine, logLines, stepsBegun } from '../dom0/product-log.ts';
import { type Test, test } from '../dom0/test.ts';
import { lookAtWorld } from '../dom0/world.ts';

const [nic] = NICS;
const GOOD = assignment('red', { lan: nic }, { deletionPolicy: 'Host' });

/** One mistake: what the file then says, and where the mistake is. */
interface Mistake {
  readonly code: string;
  readonly file: string;
  readonly text: string;
  /** What stands at the place that must be named. */
  readonly at: string;
}

const MISTAKES: readonly Mistake[] = [
  { code: 'Syntax', file: 'red.yaml', text: GOOD.replace('domain: red', 'domain: red: blue'), at: 'red: blue' },
  {
    code: 'UnknownField',
    file: 'red.yaml',
    text: GOOD.replace('deletionPolicy', 'deletonPolicy'),
    at: 'deletonPolicy',
  },
  { code: 'InvalidValue', file: 'red.yaml', text: GOOD.replace(nic, '0000:1:00.0'), at: '0000:1:00.0' },
  { code: 'DuplicateDevice', file: 'blue.yaml', text: assignment('blue', { lan: nic }), at: nic },
];

async function brokenByHand(): Promise<void> {
  const red = await Guest.start({ name: 'red' });
  await Guest.define({ name: 'blue', passthrough: false });
  await writeManifest('red.yaml', GOOD);
  await Product.start('--resync', '5');
  await red.has([NIC_ID], 300_000);
  await loggedLine('that red is ready', ({ event }) => event === 'Ready');
  const before = await lookAtWorld(['red', 'blue']);
  const steps = await stepsBegun();
  const console = await red.console.sinceNow();

  for (const mistake of MISTAKES) {
    await isReported(mistake);
    assert.deepEqual(await lookAtWorld(['red', 'blue']), before, `the host after: ${mistake.code}`);
    await isMended(mistake.file);
  }
  await removeManifest('red.yaml');
  await loggedLine('that the folder is empty', ({ message }) => message.includes('EmptySource'));
  await twoMorePasses();
  assert.deepEqual(await lookAtWorld(['red', 'blue']), before, 'the host with an empty folder');
  assert.deepEqual(await stepsBegun(), steps, 'no step is taken');
  assert.deepEqual(deviceLists(await console.text()), []);

  // It was alive all the time.
  await writeManifest('red.yaml', assignment('red', {}));
  await becomes('driver of the card', () => driverOf(nic), 'e1000e', 300_000);
}

/** By `validate` and by the running controller, with file, line, column, and a caret under the place. */
async function isReported({ code, file, text, at }: Mistake): Promise<void> {
  const known = (await logLines()).length;
  await writeManifest(file, text);
  const line = text.split('\n').findIndex(content => content.includes(at));
  const column = text.split('\n')[line]?.indexOf(at) ?? -1;
  const place = `${MANIFESTS}/${file}:${line + 1}:${column + 1}: error ${code}: `;

  const logged = await loggedLine(`${code} at its place`, ({ message }) => message.startsWith(place), { from: known });
  hasCaret(logged.message, place, { line: text.split('\n')[line] ?? '', column });
  const { code: exitCode, stderr } = await xenpci(['validate', MANIFESTS]);
  assert.equal(exitCode, 1, stderr);
  hasCaret(stderr, place, { line: text.split('\n')[line] ?? '', column });
  await twoMorePasses();
}

function hasCaret(report: string, place: string, source: { readonly line: string; readonly column: number }): void {
  const lines = report.split('\n');
  const first = lines.findIndex(line => line.startsWith(place));
  assert.notEqual(first, -1, `${place} is missing in:\n${report}`);
  assert.deepEqual(lines.slice(first + 1, first + 3), [`    ${source.line}`, `    ${' '.repeat(source.column)}^`]);
}

/** The controller looks every 5 s. */
async function twoMorePasses(): Promise<void> {
  await stays('driver of the card', () => driverOf(nic), 'pciback', 11_000);
}

/** Puts the good content back; the controller says so. */
async function isMended(file: string): Promise<void> {
  const known = (await logLines()).length;
  if (file === 'red.yaml') await writeManifest(file, GOOD);
  else await removeManifest(file);
  await loggedLine('that all is valid again', ({ event }) => event === 'ManifestsValid', { from: known });
}

/** What `npm run test:xen` runs. */
export const tests: readonly Test[] = [
  test('a manifest broken by hand changes nothing and is reported at its place', brokenByHand, 900_000),
];
