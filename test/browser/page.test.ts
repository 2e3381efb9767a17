import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ExitCode } from '../../src/cli/exit.ts';
import { runProgram } from '../../src/cli/program.ts';
import { DEFAULT_WORLD, runXl } from '../../src/simulator/index.ts';
import type { World } from '../../src/simulator/model/world.ts';
import { type SimulatedHost, simulatedHost } from '../golden/simulated-host.ts';
import { type CapturedShell, capturedShell, run } from '../unit/cli/captured-shell.ts';
import { Chromium, type Page } from './chromium.ts';
import { FLAWS, SEEN } from './seen.ts';
import { assignment, CONFLICT, crowd, SAMPLES, type Scene } from './worlds.ts';

const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

let browser: Chromium;
beforeAll(async () => {
  browser = await Chromium.start();
});
afterAll(() => browser.close());

/** A simulated dom0 with `xenpci ui` running on it. */
interface Served {
  readonly host: SimulatedHost;
  readonly shell: CapturedShell;
  readonly ended: Promise<ExitCode>;
  readonly page: Page;
}

let served: Served | undefined;
afterEach(async () => {
  served?.shell.stop();
  await served?.ended;
  await served?.host.end();
  served = undefined;
});

/** @param before calls of the program that come first. */
async function serve(
  world: World,
  manifests: Readonly<Record<string, string>>,
  before: readonly (readonly string[])[] = [],
): Promise<Served> {
  const host = await simulatedHost(world);
  for (const [file, text] of Object.entries(manifests)) host.write(file, text);
  for (const args of before) expect((await run(args, { env: { XENPCI_ROOT: host.root } })).code).toBe(0);
  const shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
  const ended = runProgram(['ui'], shell);
  await expect.poll(() => shell.out() + shell.err(), { timeout: 20_000 }).toMatch(/\/page\n$/);
  served = { host, shell, ended, page: await browser.open(shell.out().trim()) };
  return served;
}

describe('the page in a browser', () => {
  test.each<[string, Scene, boolean]>([
    ['the samples, in place', SAMPLES, true],
    ['one card wanted by two', CONFLICT, false],
    ['200 devices and 50 domains', crowd(), false],
  ])('looks as described, in light and dark, at 1280 by 800: %s', async (_, { world, manifests }, inPlace) => {
    const { page, host } = await serve(world, manifests, inPlace ? [['reconcile', '--once']] : []);
    await page.resize(1280, 800);
    await page.prefer('light');
    expect(host.golden((await page.value<string[]>(SEEN)).join('\n'))).toMatchSnapshot();
    for (const scheme of ['light', 'dark'] as const) {
      await page.prefer(scheme);
      expect(await page.value<string[]>(FLAWS)).toEqual([]);
    }
    expect(page.complaints).toEqual([]);
  });

  test('what is not in place is named first, and leads to its story', async () => {
    const { page } = await serve(CONFLICT.world, CONFLICT.manifests);
    await page.resize(1280, 800);
    const link = `document.querySelector('.troubles a')`;
    expect(await page.value<string>(`document.querySelector('.troubles').innerText`)).toMatch(
      /⊘ Conflict +0000:03:00\.0/,
    );
    expect(await page.value<boolean>(`${link}.getBoundingClientRect().bottom < 400`)).toBe(true);
    await page.value(`${link}.click()`);
    await page.until(`document.querySelector('.story.open')?.id === 'd-0000:03:00.0'`);
  });

  test('a click tells the story of a device, by mouse and by keyboard', async () => {
    const { page } = await serve(DEFAULT_WORLD, { 'net.yaml': assignment('net', 'sys-net', '0000:01:00.0') });
    const isShown = (id: string): string => `document.getElementById('${id}').getBoundingClientRect().height > 0`;
    expect(await page.value<boolean>(isShown('d-0000:01:00.0'))).toBe(false);
    await page.click('a-0000:01:00.0');
    await page.until(isShown('d-0000:01:00.0'));
    const story = await page.value<string>(`document.getElementById('d-0000:01:00.0').innerText`);
    expect(story).toMatch(/Steps: +1\. bind 0000:01:00\.0 to pciback/);
    await page.press('Escape');
    await page.until(`!(${isShown('d-0000:01:00.0')})`);

    await page.value(`document.getElementById('a-0000:00:12.0').focus()`);
    await page.press('Tab');
    await page.press('Enter');
    await page.until(isShown('d-0000:02:00.0'));
    expect(page.complaints).toEqual([]);
  });

  test('follows what happens, and keeps what is open open', async () => {
    const { page, host } = await serve(DEFAULT_WORLD, {});
    await page.click('a-0000:01:00.0');
    for (const argv of [
      ['pci-assignable-add', '0000:01:00.0'],
      ['pci-attach', 'sys-net', '0000:01:00.0'],
    ]) {
      expect(runXl(host.dom0.model, { argv, readConfig: () => '' }).status).toBe(0);
    }
    await page.until(`document.getElementById('a-0000:01:00.0').innerText.includes('guest sys-net')`);
    const opened = `document.querySelector('.story.open').innerText`;
    await page.until(`${opened}.includes('Place:           guest sys-net')`);
    expect(await page.value<number>(`document.querySelectorAll('.lines .attached').length`)).toBe(1);
    expect(page.complaints).toEqual([]);
  });

  test('a click that began before something changed is not lost, and the change is shown after it', async () => {
    const { page, host } = await serve(DEFAULT_WORLD, {});
    await page.until(`shown !== undefined`);
    await page.click('a-0000:01:00.0', async () => {
      expect(
        runXl(host.dom0.model, { argv: ['pci-assignable-add', '0000:01:00.0'], readConfig: () => '' }).status,
      ).toBe(0);
      await page.until(`waiting !== shown && waiting.includes('assignable')`);
    });
    await page.until(`document.querySelector('.story.open')?.id === 'd-0000:01:00.0'`);
    await page.until(`document.getElementById('a-0000:01:00.0').innerText.includes('assignable')`);
    expect(page.complaints).toEqual([]);
  });

  test('names are text, whatever they are', async () => {
    const uuid = '6f2b0e0c-0000-4000-8000-00000000dead';
    const domains = [...DEFAULT_WORLD.domains, { name: HOSTILE, uuid, running: true }];
    const { page } = await serve({ ...DEFAULT_WORLD, domains }, {});
    expect(await page.value<string>(`document.getElementById('a-${uuid}').innerText`)).toContain(HOSTILE);
    expect(await page.value<unknown>('window.hacked')).toBeUndefined();
    expect(await page.value<number>(`document.querySelectorAll('main img, main script').length`)).toBe(0);
    expect(page.complaints).toEqual([]);
  });

  test('is read aloud as what it says, and has a dark side', async () => {
    const { page } = await serve(DEFAULT_WORLD, { 'net.yaml': assignment('net', 'sys-net', '0000:01:00.0') });
    const spoken = await page.spoken();
    expect(spoken).toContainEqual(
      expect.stringMatching(/^link: 0000:01:00\.0 .*82574L.* host · Progressing ?, waits$/),
    );
    expect(spoken).toContainEqual('navigation: PCI devices');
    expect(spoken).toContainEqual('navigation: Domains');
    const back = `getComputedStyle(document.body).backgroundColor`;
    await page.prefer('light');
    expect(await page.value<string>(back)).toBe('rgb(255, 255, 255)');
    await page.prefer('dark');
    expect(await page.value<string>(back)).toBe('rgb(13, 17, 23)');
  });
});
