import { expect, test } from 'vitest';
import { dom0Layout } from '../../../src/api/layout.ts';
import { trustOf } from '../../../src/cli/trusted.ts';

test("on a real host manifests of root and of who runs the program count, in a folder that stands for one everybody's", () => {
  expect(trustOf(dom0Layout())).toEqual({ trust: { users: new Set([process.geteuid?.()]) } });
  expect(trustOf(dom0Layout('/tmp/simulated'))).toEqual({});
});
