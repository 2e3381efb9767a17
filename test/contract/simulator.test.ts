import { describe, expect, test } from 'vitest';
import { LIBVIRT_9_0, LIBVIRT_11_0 } from '../../src/simulator/index.ts';
import { CONTRACT } from './cases.ts';
import { openSimulatedWorld } from './simulated-world.ts';

describe.each([
  ['libvirt 9.0', LIBVIRT_9_0],
  ['libvirt 11', LIBVIRT_11_0],
])('the simulated dom0 with %s', (_name, version) => {
  test.concurrent.each(CONTRACT.map(({ name, run }) => [name, run] as const))('%s', async (_case, run) => {
    const { world, dom0, close } = await openSimulatedWorld(version);
    try {
      await run(world);
      expect(dom0.model.dom0.violations).toEqual([]);
    } finally {
      await close();
    }
  });
});
