import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Survey, surveyOf } from '../../../src/cli/looks/survey.ts';
import { HostError } from '../../../src/controller/ports.ts';
import { address, device, observed, source } from '../../world.ts';
import { tempLayout } from '../daemon/temp-layout.ts';

const CARD = '0000:03:00.0';
const HOST = observed([device(CARD, { at: 'host' })], []);

/** What is asked for when a look has begun, and the look. The host answers with the first, the folder with the second. */
function look<T>(observe: () => Promise<typeof HOST>, read: () => Promise<T>) {
  const layout = tempLayout();
  const asked: string[] = [];
  const host = {
    observe() {
      asked.push('host');
      return observe();
    },
    perform: () => Promise.reject(new Error('a look takes no step')),
    onHint: () => () => undefined,
    close: () => Promise.resolve(),
  };
  const folder = {
    async read() {
      asked.push('manifests');
      await read();
      return source([]);
    },
    onHint: () => () => undefined,
    close: () => Promise.resolve(),
  };
  const globals = { layout, manifests: layout.manifests, manifestsGiven: false };
  return { asked, survey: surveyOf(globals, host, folder) as Promise<Survey> };
}

describe('a look of a command', () => {
  test('asks the host and reads the manifests at once', async () => {
    let answer = (_: typeof HOST): void => undefined;
    const { asked, survey } = look(
      () => new Promise(resolve => (answer = resolve)),
      () => Promise.resolve(),
    );
    expect(asked).toEqual(['host', 'manifests']);
    answer(HOST);
    expect([...(await survey).observed.devices.keys()]).toEqual([address(CARD)]);
  });

  test('that the host does not answer ends when nothing is read any more', async () => {
    const ended: string[] = [];
    const { survey } = look(
      () => Promise.reject(new HostError('Unreachable', 'xenstored is away')),
      () => setTimeout(200).then(() => void ended.push('manifests')),
    );
    await expect(survey.finally(() => ended.push('look'))).rejects.toThrow(
      'cannot look at the host: xenstored is away',
    );
    expect(ended).toEqual(['manifests', 'look']);
  });
});
