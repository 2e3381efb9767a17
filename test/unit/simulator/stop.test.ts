import { expect, test } from 'vitest';
import { libvirt, running } from './running.ts';

// In a file of its own: handles of other tests would be counted.
test('stopping closes every server, socket and watch', async () => {
  const open = () =>
    process.getActiveResourcesInfo().filter(name => /^(?:PipeServerWrap|PipeWrap|FSEventWrap)$/.test(name));
  const before = open().length;
  const dom0 = await running();
  const client = libvirt(dom0);
  await client.connect();
  expect(open().length).toBeGreaterThan(before + 5);
  client.close();
  await dom0.stop();
  await expect.poll(() => open().length).toBe(before);
});
