import { availableParallelism } from 'node:os';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { retry } from './tried-again.ts';

const config: ViteUserConfig = defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/{unit,property,simulation,contract,golden,fuzz}/**/*.test.ts'],
    // It only ends what hangs: on two processors that have other work to do, a test takes many times as long.
    testTimeout: 120_000,
    // A controller is started in some, and has looked at its host, before the first test.
    hookTimeout: 90_000,
    // Vitest leaves one processor idle, which on two is half of the machine.
    maxWorkers: availableParallelism(),
    retry,
    reporters: ['default', ...['tried-again.ts', 'left-out.ts'].map(each => new URL(each, import.meta.url).pathname)],
  },
});
export default config;
