import { expect, test } from 'vitest';
import { Faults, InjectedFault } from '../../../src/simulator/index.ts';
import { BrokenConnection, type Job, Jobs } from '../../../src/simulator/libvirtd/jobs.ts';

function recorded(order: string[], domain: string, name: string): Job<void> {
  return { domain, operation: 'attach', run: () => void order.push(name), claimed: undefined };
}

test('jobs of one domain follow each other, those of another do not wait', async () => {
  const faults = new Faults();
  const jobs = new Jobs(faults, 0);
  const order: string[] = [];
  faults.add({ operation: 'attach', delayMs: 30 });
  const first = jobs.run(recorded(order, 'a', 'first'));
  await Promise.resolve();
  await Promise.all([first, jobs.run(recorded(order, 'a', 'second')), jobs.run(recorded(order, 'b', 'other'))]);
  expect(order).toEqual(['other', 'first', 'second']);
});

test('a killed daemon does nothing of what it had not begun', async () => {
  const jobs = new Jobs(new Faults(), 1);
  const order: string[] = [];
  const killed = [jobs.run(recorded(order, 'a', '1')), jobs.run(recorded(order, 'a', '2'))];
  const all = Promise.allSettled(killed);
  jobs.kill();
  await jobs.run(recorded(order, 'a', '3'));
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(order).toEqual(['3']);
});

test('a fault strikes in its own way', async () => {
  const faults = new Faults();
  const jobs = new Jobs(faults, 0);
  const order: string[] = [];
  const strike = (kind: 'refused' | 'doneButFailed' | 'claimedButNotDone' | 'connectionLost') => {
    faults.add({ operation: 'attach', kind });
    return jobs.run(recorded(order, 'a', kind));
  };
  await expect(strike('refused')).rejects.toThrow(InjectedFault);
  await strike('claimedButNotDone');
  await expect(strike('doneButFailed')).rejects.toThrow(InjectedFault);
  await expect(strike('connectionLost')).rejects.toThrow(BrokenConnection);
  expect(order).toEqual(['doneButFailed', 'connectionLost']);
});
