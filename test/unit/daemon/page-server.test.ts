import { get } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { type PageSource, type ServedPage, servePage } from '../../../src/daemon/page/server.ts';
import type { PageState } from '../../../src/daemon/page/state.ts';

const STATE: PageState = {
  host: 'dom0',
  at: '2026-11-24T10:00:00.000Z',
  simulated: false,
  version: 'xenpci 1',
  devices: [],
  domains: [],
  events: [],
  problems: [],
};

/** A host whose change is told by hand. */
class FakeSource implements PageSource {
  looks: PageState | Error = STATE;
  readonly listeners = new Set<() => void>();

  async state(): Promise<PageState> {
    if (this.looks instanceof Error) throw this.looks;
    return this.looks;
  }

  onChange(changed: () => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }
}

const source = new FakeSource();
let page: ServedPage | undefined;
afterEach(async () => {
  await page?.close();
  page = undefined;
  source.looks = STATE;
});

async function serve(): Promise<ServedPage> {
  page = await servePage(source, 0, error => {
    throw error;
  });
  return page;
}

/** The status and body of a request with a Host of its own, which fetch does not allow. */
function asHost(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, response => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

describe('the page server', () => {
  test('serves the page, and the part of it that changes', async () => {
    const { url } = await serve();
    const whole = await fetch(url);
    expect([whole.status, whole.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const text = await whole.text();
    const part = await (await fetch(new URL('main', url))).text();
    expect(text).toContain('<h1>PCI devices of dom0</h1>');
    expect(text).toContain(part);
    expect(part).not.toContain('<h1>');
  });

  test('lets only its own script run', async () => {
    const policy = (await fetch((await serve()).url)).headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/default-src 'none'; script-src 'sha256-[\w+/=]{44}';/);
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
  });

  test('answers nobody who does not know its address, comes by another name, or wants to change something', async () => {
    const { url } = await serve();
    const { origin, port } = new URL(url);
    expect((await fetch(origin)).status).toBe(404);
    expect((await fetch(`${origin}/${'0'.repeat(32)}/page`)).status).toBe(404);
    expect((await fetch(new URL('other', url))).status).toBe(404);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    expect(await asHost(url, 'evil.example')).toBe(404);
    expect(await asHost(url, `localhost:${port}`)).toBe(200);
  });

  test('says why when the host cannot be looked at', async () => {
    const { url } = await serve();
    source.looks = new Error('cannot look at the host');
    const answer = await fetch(new URL('main', url));
    expect([answer.status, await answer.text()]).toEqual([503, 'cannot look at the host\n']);
  });

  test('tells those who listen of a change, and ends their streams when it closes', async () => {
    const { url, close } = await serve();
    const stream = await fetch(new URL('changes', url));
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe('retry: 2000\n\n');
    for (const changed of source.listeners) changed();
    expect((await reader?.read())?.value).toBe('event: changed\ndata: {}\n\n');
    await close();
    page = undefined;
    expect(source.listeners.size).toBe(0);
    const end = await reader?.read().catch(() => ({ done: true }));
    expect(end?.done).toBe(true);
  });
});
