/** Debian's Chromium without a window, driven through its DevTools protocol over pipes (no port, no library). */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** ms until something must be so in a page, and until the browser must have answered a call, which may be to wait for that. */
const LIMIT = 20_000;
const CALL_LIMIT = 2 * LIMIT;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

interface Waiting {
  resolve(result: Record<string, unknown>): void;
  reject(error: Error): void;
}

/** A running browser. */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #input: Writable;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(message: Message) => void>();
  #calls = 0;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    this.#input = child.stdio[3] as Writable;
    let rest = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#hear(JSON.parse(message) as Message);
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser has ended'));
    });
  }

  static async start(): Promise<Chromium> {
    const profile = await mkdtemp(join(tmpdir(), 'xenpci-browser-'));
    const options = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe'];
    const args = [...options, `--user-data-dir=${profile}`, '--window-size=1400,1000', 'about:blank'];
    const child = spawn('chromium', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    await once(child, 'spawn');
    return new Chromium(child, profile);
  }

  /** Opens a page. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, String(sessionId));
    await page.goTo(url);
    return page;
  }

  /** A call of the protocol. @throws Error as the browser answers it, or after CALL_LIMIT. */
  async call(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    this.#calls += 1;
    const id = this.#calls;
    const answer = new Promise<Record<string, unknown>>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#input.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
    const timer = setTimeout(() => this.#waiting.get(id)?.reject(new Error(`${method}: no answer`)), CALL_LIMIT);
    return answer.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    });
  }

  /** Calls back with every event of a page. */
  listen(sessionId: string, heard: (method: string, params: Record<string, unknown>) => void): void {
    this.#listeners.add(message => {
      if (message.sessionId === sessionId && message.method !== undefined) heard(message.method, message.params ?? {});
    });
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #hear(message: Message): void {
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (waiting === undefined) for (const listener of this.#listeners) listener(message);
    else if (message.error === undefined) waiting.resolve(message.result ?? {});
    else waiting.reject(new Error(message.error.message));
  }
}

/** One tab. */
export class Page {
  /** What the page and the browser have complained about since it was opened. */
  readonly complaints: string[] = [];
  readonly #browser: Chromium;
  readonly #session: string;

  constructor(browser: Chromium, session: string) {
    this.#browser = browser;
    this.#session = session;
    browser.listen(session, (method, params) => {
      if (['Runtime.exceptionThrown', 'Log.entryAdded', 'Runtime.consoleAPICalled'].includes(method)) {
        this.complaints.push(JSON.stringify(params));
      }
    });
  }

  async goTo(url: string): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Log']) await this.#call(`${domain}.enable`);
    // As the tab that a person looks at: another one gets no keys.
    await this.#call('Page.bringToFront');
    await this.#call('Emulation.setFocusEmulationEnabled', { enabled: true });
    await this.#call('Page.navigate', { url });
    await this.until('document.readyState === "complete"');
  }

  /** The value of an expression in the page, as JSON can carry it. @throws Error when it throws. */
  async value<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#call('Runtime.evaluate', { expression, returnByValue: true });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** Waits until an expression in the page is true. @throws Error after LIMIT. */
  async until(expression: string): Promise<void> {
    const body = `new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('not within ${LIMIT} ms')), ${LIMIT});
      const look = () => { if (${expression}) { clearTimeout(late); resolve(true); } else setTimeout(look, 50); };
      look(); })`;
    const { exceptionDetails } = await this.#call('Runtime.evaluate', { expression: body, awaitPromise: true });
    assert.equal(exceptionDetails, undefined, `${expression}: ${JSON.stringify(exceptionDetails)}`);
  }

  /** Clicks on the middle of the element with this id, as a mouse does. @param meanwhile done while the button is down. */
  async click(id: string, meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
    const { x, y } = await this.value<{ x: number; y: number }>(
      `(() => { const e = document.getElementById(${JSON.stringify(id)}); e.scrollIntoView({ block: 'center' });
        const { left, top, width, height } = e.getBoundingClientRect(); return { x: left + width / 2, y: top + height / 2 }; })()`,
    );
    const at = { x, y, button: 'left', clickCount: 1 };
    await this.#call('Input.dispatchMouseEvent', { type: 'mousePressed', ...at });
    await meanwhile();
    await this.#call('Input.dispatchMouseEvent', { type: 'mouseReleased', ...at });
  }

  /** Presses and releases a key, such as `Tab`. */
  async press(key: 'Tab' | 'Enter' | 'Escape'): Promise<void> {
    const code = { Tab: 9, Enter: 13, Escape: 27 }[key];
    const event = { key, code: key, windowsVirtualKeyCode: code, ...(key === 'Enter' ? { text: '\r' } : {}) };
    await this.#call('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
    await this.#call('Input.dispatchKeyEvent', { type: 'keyUp', key, code: key, windowsVirtualKeyCode: code });
  }

  /** What the reader's system says about colours. */
  async prefer(scheme: 'light' | 'dark'): Promise<void> {
    await this.#call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  }

  /** Makes the window so large, in CSS pixels. */
  async resize(width: number, height: number): Promise<void> {
    await this.#call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  }

  /** What is to be seen in the window: a PNG. */
  async picture(): Promise<Buffer> {
    const { data } = await this.#call('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }

  /** Role and name of everything that a screen reader finds and that has a name. */
  async spoken(): Promise<readonly string[]> {
    await this.#call('Accessibility.enable');
    const { nodes } = await this.#call('Accessibility.getFullAXTree');
    const all = nodes as readonly {
      readonly ignored: boolean;
      readonly role?: { readonly value: string };
      readonly name?: { readonly value: string };
    }[];
    return all.flatMap(({ ignored, role, name }) => (ignored || !name?.value ? [] : [`${role?.value}: ${name.value}`]));
  }

  #call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.#browser.call(method, params, this.#session);
  }
}
