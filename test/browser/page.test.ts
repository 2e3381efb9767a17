import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ExitCode } from '../../src/cli/exit.ts';
import { runProgram } from '../../src/cli/program.ts';
import { DEFAULT_WORLD, runXl } from '../../src/simulator/index.ts';
import type { World } from '../../src/simulator/model/world.ts';
import { type SimulatedHost, simulatedHost } from '../golden/simulated-host.ts';
import { type CapturedShell, capturedShell } from '../unit/cli/captured-shell.ts';
import { Chromium, type Page } from './chromium.ts';

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

async function serve(world: World, manifests: Readonly<Record<string, string>>): Promise<Served> {
  const host = await simulatedHost(world);
  for (const [file, text] of Object.entries(manifests)) host.write(file, text);
  const shell = capturedShell({ env: { XENPCI_ROOT: host.root } });
  const ended = runProgram(['ui'], shell);
  await expect.poll(() => shell.out() + shell.err(), { timeout: 20_000 }).toMatch(/\/page\n$/);
  served = { host, shell, ended, page: await browser.open(shell.out().trim()) };
  return served;
}

function assignment(name: string, domain: string, ...addresses: readonly string[]): string {
  const devices = addresses.map((address, index) => `{name: d${index}, address: ${address}}`);
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: ${name}}\nspec: {domain: ${domain}, devices: [${devices}]}\n`;
}

/** What a person sees of rows, boxes and lines: place, colour, text. */
const SEEN = `(() => {
  const host = document.querySelector('.host').getBoundingClientRect().top;
  const at = element => Math.round(element.getBoundingClientRect().top - host);
  const colour = element => getComputedStyle(element).color;
  const rows = [...document.querySelectorAll('.devices a, .domains a')].map(element =>
    [at(element), colour(element), element.innerText.replace(/\\s+/g, ' ')].join(' '));
  const lines = [...document.querySelectorAll('.lines path')].map(path =>
    [path.getAttribute('d'), getComputedStyle(path).stroke, getComputedStyle(path).strokeDasharray].join(' '));
  return [...rows, ...lines];
})()`;

describe('the page in a browser', () => {
  test('looks as described: rows at their bridges, domains at their devices, lines between', async () => {
    const { page } = await serve(DEFAULT_WORLD, {
      'net.yaml': assignment('net', 'sys-net', '0000:01:00.0'),
      'one.yaml': assignment('one', 'storage', '0000:03:00.0'),
      'two.yaml': assignment('two', 'media', '0000:03:00.0'),
    });
    expect((await page.value<string[]>(SEEN)).join('\n')).toMatchInlineSnapshot(`
      "0 rgb(89, 99, 110) ○ 0000:00:00.0 Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller host , not managed
      28 rgb(89, 99, 110) ○ 0000:00:03.0 Red Hat, Inc. Virtio block device host , not managed
      56 rgb(89, 99, 110) ○ 0000:00:04.0 Red Hat, Inc. Virtio network device host , not managed
      84 rgb(89, 99, 110) ○ 0000:00:11.0 Red Hat, Inc. QEMU PCIe Root port host , not managed
      112 rgb(154, 103, 0) ◐ 0000:01:00.0 Intel Corporation 82574L Gigabit Network Connection host · Progressing , waits
      140 rgb(89, 99, 110) ○ 0000:00:12.0 Red Hat, Inc. QEMU PCIe Root port host , not managed
      168 rgb(89, 99, 110) ○ 0000:02:00.0 Red Hat, Inc. QEMU NVM Express Controller host , not managed
      196 rgb(89, 99, 110) ○ 0000:00:13.0 Red Hat, Inc. QEMU PCIe Root port host , not managed
      224 rgb(130, 80, 223) ⊘ 0000:03:00.0 Intel Corporation 82574L Gigabit Network Connection host · Conflict , refused
      252 rgb(89, 99, 110) ○ 0000:00:14.0 Red Hat, Inc. QEMU PCIe Root port host , not managed
      280 rgb(89, 99, 110) ○ 0000:04:00.0 Red Hat, Inc. QEMU NVM Express Controller host , not managed
      308 rgb(89, 99, 110) ○ 0000:00:15.0 Red Hat, Inc. QEMU PCIe Root port host , not managed
      336 rgb(89, 99, 110) ○ 0000:05:00.0 Intel Corporation 82574L Gigabit Network Connection host , not managed
      364 rgb(89, 99, 110) ○ 0000:00:16.0 Red Hat, Inc. QEMU PCIe Root port host , not managed
      392 rgb(89, 99, 110) ○ 0000:06:00.0 Intel Corporation 82574L Gigabit Network Connection host , not managed
      420 rgb(89, 99, 110) ○ 0000:00:1a.0 Intel Corporation 82540EM Gigabit Ethernet Controller host , not managed
      98 rgb(154, 103, 0) ◐ sys-net running as domain 1 · net , waits
      210 rgb(207, 34, 46) ✕ storage running as domain 2 · one , failed
      278 rgb(207, 34, 46) ✕ media shut off · two , failed
      346 rgb(89, 99, 110) ○ legacy running as domain 3 · no assignment , not managed
      M0 126 C70 126 70 126 140 126 rgb(154, 103, 0) 6px, 4px
      M0 238 C70 238 70 238 140 238 rgb(130, 80, 223) 2px, 6px
      M0 238 C70 238 70 306 140 306 rgb(130, 80, 223) 2px, 6px"
    `);
    expect(page.complaints).toEqual([]);
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
