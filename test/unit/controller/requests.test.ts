import { describe, expect, test } from 'vitest';
import { Requests } from '../../../src/controller/requests.ts';

describe('requests to look now', () => {
  test('are answered by a pass that began after them, and not by one that was under way', async () => {
    const requests = new Requests();
    const answers: string[] = [];
    requests.begin();
    const asked = requests.ask().then(answer => answers.push(answer));
    requests.atRest();
    await Promise.resolve();
    expect(answers).toEqual([]);
    expect(requests.begin(), 'somebody has asked').toBe(true);
    expect(requests.begin(), 'once').toBe(false);
    requests.atRest();
    await asked;
    expect(answers).toEqual(['atRest']);
  });

  test('are told when there will be no pass any more', async () => {
    const requests = new Requests();
    const asked = requests.ask();
    requests.end();
    expect([await asked, await requests.ask()]).toEqual(['stopped', 'stopped']);
  });
});
