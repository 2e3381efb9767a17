import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/controller/clock.ts';
import type { Host } from '../../../src/controller/ports.ts';
import { acquireLock, LockHeldError } from '../../../src/daemon/lock.ts';
import { LookRequest } from '../../../src/daemon/look-request.ts';
import { reconcileOnce, runDaemon } from '../../../src/daemon/run.ts';
import type { SessionParts } from '../../../src/daemon/session.ts';
import { readLiveStatus } from '../../../src/daemon/status-file.ts';
import type { OnStop } from '../../../src/daemon/stop-requests.ts';
import type { Observed } from '../../../src/plan/observed.ts';
import { applied, assignment, device, domain, entry, observed, source } from '../../world.ts';
import { tempLayout } from './temp-layout.ts';

const never: OnStop = () => () => undefined;

/** A dom0 in memory, with one device that is to go into one guest, and what was logged. */
function session(perform?: Host['perform']): { parts: SessionParts; world: () => Observed; events: string[] } {
  let world = observed([device('0000:03:00.0', { at: 'host' })], [domain('red', { domid: 1 })]);
  const events: string[] = [];
  const host: Host = {
    observe: async () => world,
    perform:
      perform ??
      (async step => {
        world = applied(world, step);
      }),
    onHint: () => () => undefined,
    close: async () => undefined,
  };
  const wanted = source([assignment('a', 'red', [entry('nic', '0000:03:00.0')])]);
  const parts: SessionParts = {
    layout: tempLayout(),
    manifests: '/manifests',
    host,
    source: { read: async () => wanted, onHint: () => () => undefined, close: async () => undefined },
    clock: systemClock,
    log: ({ event }) => events.push(event),
    resyncMs: 60_000,
  };
  return { parts, world: () => world, events };
}

/** A way to stop, and to know that somebody listens to it. */
function stopper(): { onStop: OnStop; stop: () => void; listening: () => number } {
  const listeners = new Set<() => void>();
  return {
    onStop: stop => {
      listeners.add(stop);
      return () => listeners.delete(stop);
    },
    stop: () => {
      for (const listener of listeners) listener();
    },
    listening: () => listeners.size,
  };
}

describe('reconcileOnce', () => {
  test('takes the steps, remembers on disk, and lets go of the lock and the status', async () => {
    const { parts, world, events } = session();
    expect(await reconcileOnce(parts, 10_000, never)).toBe('converged');
    expect([...world().devices.values()].map(({ place }) => place)).toEqual([{ at: 'guest', domid: 1, domain: 'red' }]);
    expect(events).toContain('StepPerformed');
    expect(existsSync(`${parts.layout.state}/inventory.json`)).toBe(true);
    expect(existsSync(`${parts.layout.runtime}/status.json`)).toBe(false);
    await (await acquireLock(parts.layout)).release();
  });

  test('steps that fail for ever end with the time', async () => {
    const { parts, events } = session(async () => Promise.reject(new Error('refused')));
    expect(await reconcileOnce(parts, 300, never)).toBe('timedOut');
    expect(events).toContain('StepFailed');
  });

  test('what fails before the first look lets go of the lock too', async () => {
    const { parts } = session();
    const onLocked = async (): Promise<void> => Promise.reject(new Error('no'));
    await expect(reconcileOnce({ ...parts, onLocked }, 1_000, never)).rejects.toThrow('no');
    await (await acquireLock(parts.layout)).release();
  });

  test('nothing is looked at while another has the host', async () => {
    const { parts, world } = session();
    const before = world();
    const lock = await acquireLock(parts.layout);
    await expect(reconcileOnce(parts, 1_000, never)).rejects.toThrow(LockHeldError);
    expect(world()).toBe(before);
    await lock.release();
  });
});

describe('a request to look now', () => {
  test('is answered by its name in the published status, also one that is left from before; by SIGHUP there is none', async () => {
    const { parts, events } = session();
    const request = new LookRequest(parts.layout);
    const left = await request.ask();
    const { onStop, stop } = stopper();
    const reload = stopper();
    const done = runDaemon({ ...parts, onReload: reload.onStop }, onStop);
    const answered = async (): Promise<string | undefined> => (await readLiveStatus(parts.layout))?.answered;
    await vi.waitFor(async () => expect(await answered()).toBe(left), { timeout: 10_000 });
    const asked = await request.ask();
    await vi.waitFor(async () => expect(await answered()).toBe(asked), { timeout: 10_000 });
    const count = (): number => events.filter(event => event === 'LookRequested').length;
    expect(count()).toBe(2);
    reload.stop();
    expect(count()).toBe(3);
    stop();
    expect(await done).toBe('stopped');
    expect(reload.listening()).toBe(0);
  });

  test.each(['', '{', '{"version":2,"id":"x"}', ' '.repeat(5_000)])(
    'one that cannot be read is none: %#',
    async text => {
      const { parts, events } = session();
      const { path } = new LookRequest(parts.layout);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      expect(await reconcileOnce(parts, 10_000, never)).toBe('converged');
      expect(events).not.toContain('LookRequested');
    },
  );
});

describe('runDaemon', () => {
  test('one request ends it, and then nobody listens and no status is left', async () => {
    const { parts, events } = session();
    const { onStop, stop, listening } = stopper();
    const done = runDaemon(parts, onStop);
    await vi.waitFor(async () => expect((await readLiveStatus(parts.layout))?.status.assignments).toHaveLength(1));
    stop();
    expect(await done).toBe('stopped');
    expect(events).toContain('Stopping');
    expect(listening()).toBe(0);
    expect(existsSync(`${parts.layout.runtime}/status.json`)).toBe(false);
  });

  test('a request before the lock is held is obeyed: no step is taken', async () => {
    const { parts, world } = session();
    const before = world();
    const { onStop, stop } = stopper();
    const done = runDaemon(parts, onStop);
    stop();
    expect(await done).toBe('stopped');
    expect(world()).toBe(before);
  });

  test('a request before the first look is obeyed: no step is taken', async () => {
    const { parts, world } = session();
    const before = world();
    const { onStop, stop } = stopper();
    expect(await runDaemon({ ...parts, onLocked: async () => stop() }, onStop)).toBe('stopped');
    expect(world()).toBe(before);
  });

  test('a second request does not wait for a step that hangs', async () => {
    const { parts } = session(() => new Promise(() => undefined));
    const { onStop, stop } = stopper();
    const onReport: SessionParts['onReport'] = report => {
      if (report.type !== 'StepStarted') return;
      stop();
      stop();
    };
    expect(await runDaemon({ ...parts, onReport }, onStop)).toBe('forced');
  });
});
