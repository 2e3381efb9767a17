import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fieldNames } from '../../src/api/schema-docs.ts';
import { CODES } from '../../src/controller/codes.ts';
import { CHECKOUT } from '../unit/cli/captured-shell.ts';
import { run } from './on-screen.ts';

const README = readFileSync(join(CHECKOUT, 'README.md'), 'utf8');

async function explained(what: string): Promise<string> {
  const { code, out, err } = await run(['explain', what]);
  return `${out}${err}exit code ${code}\n`;
}

/** Every source file of the program. */
function sourceTexts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => readFileSync(join(folder, name), 'utf8'));
}

/** The words in one column of a table of the README that are marked as code, without those of `xenpci`. */
function namedIn(table: string, column: number): string[] {
  const rows = table.split('\n').slice(2);
  return rows.flatMap(row => [...(row.split('|')[column] ?? '').matchAll(/`(\w+)`/g)].map(match => match[1] ?? ''));
}

describe('explain', () => {
  test('a code, in whatever case', async () => {
    expect(await explained('needsrestart')).toMatchInlineSnapshot(`
      "NeedsRestart (wait)

      The guest was started without PCI passthrough, may not be changed while it runs,
      or has the device with another permissive.

      What to do: Stop and start the guest.
      exit code 0
      "
    `);
  });

  test('a field, by its path or by its name alone', async () => {
    const whole = await explained('PCIAssignment.spec.devices[0].reset');
    expect(whole).toMatchInlineSnapshot(`
      "Field:           PCIAssignment.spec.devices.reset <string>
      Default:         "Strict"
      Values:          Strict, BestEffort

      Strict: only a device that can be reset is handed over. BestEffort: also one
      that cannot.
      exit code 0
      "
    `);
    expect(await explained('reset')).toBe(whole);
  });

  test('a kind with its fields', async () => {
    expect(await explained('PCIHostPolicy.spec')).toMatchInlineSnapshot(`
      "Field:           PCIHostPolicy.spec <object> (required)

      The rules.

      Fields:
        protectedDevices <list of object>
          Devices that stay with dom0 whatever an assignment says.
        allow <list of string>
          Guards that are switched off for the whole host, by name.
        maxDetachesPerPass <integer>
          How many devices may leave running guests at once; more wait for
          xenpci approve. 0: every one waits.
        guestUnbind <object>
          How a guest is made to let go of a device before it is detached, and how
          long that may take.
        forceDetach <boolean>
          true: a device that an HVM guest has refused to let go of three times is
          torn from it.
        hosts <list of string>
          The hosts that the object is for; on others it does not count. Every host
          when absent.
      exit code 0
      "
    `);
  });

  test('what there is none of, with what may be meant', async () => {
    expect(await explained('NeedsRestrat')).toMatchInlineSnapshot(`
      "error: there is no field or code "NeedsRestrat"; did you mean NeedsRestart?
      exit code 2
      "
    `);
    expect(await explained('xyzzy')).toMatchInlineSnapshot(`
      "error: there is no field or code "xyzzy"; xenpci explain takes a code, or a
        field of PCIAssignment, PCIHostPolicy, PCIDevice
      exit code 2
      "
    `);
  });

  test('every code and every field has an explanation that fits 80 columns', { timeout: 240_000 }, async () => {
    for (const what of [...Object.keys(CODES), ...fieldNames(), 'codes']) {
      const { code, out, err } = await run(['explain', what]);
      expect([what, code, err]).toEqual([what, 0, '']);
      for (const line of out.split('\n')) expect(line.length, `${what}: ${line}`).toBeLessThanOrEqual(80);
    }
  });

  test("the README's table of reasons has every wait and guard, and none that there is not", () => {
    const section = README.split('## Why a device waits, and why it is refused')[1]?.split('\n## ')[0] ?? '';
    const told = namedIn(section.split('\n\n')[2] ?? '', 1);
    const codes = Object.entries(CODES);
    const held = codes.filter(([, { kind }]) => kind === 'wait' || kind === 'guard').map(([code]) => code);
    expect(held.filter(code => !told.includes(code))).toEqual([]);
    expect(told.filter(code => !Object.hasOwn(CODES, code))).toEqual([]);
  });

  test('every code is named in the README, and the tables there name nothing else', () => {
    const [, table = '', , others = ''] = README.split('## Why a device waits, and why it is refused')[1]
      ?.split('\n## ')[0]
      ?.split('\n\n')
      .slice(1) ?? [''];
    const told = new Set([...namedIn(table, 1), ...namedIn(others, 2)]);
    expect(Object.keys(CODES).filter(code => !told.has(code))).toEqual([]);
    expect([...told].filter(code => !Object.hasOwn(CODES, code))).toEqual([]);
  });

  test('every code that is written anywhere in the program is answered', { timeout: 240_000 }, async () => {
    const texts = sourceTexts(join(CHECKOUT, 'src'));
    const written = new Set(
      texts
        .flatMap(text => [...text.matchAll(/\breason: '([A-Z]\w*)'|\b(?:wait|guard|hold)\('([A-Z]\w*)'/g)])
        .map(match => match[1] ?? match[2] ?? ''),
    );
    expect(written.size).toBeGreaterThan(5);
    for (const code of written) expect([code, (await run(['explain', code])).code]).toEqual([code, 0]);
  });
});
