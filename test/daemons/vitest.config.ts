import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { retry } from '../tried-again.ts';

const config: ViteUserConfig = defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/daemons/**/*.test.ts'],
    // Long enough for a machine that is busy: it only ends what hangs.
    testTimeout: 300_000,
    hookTimeout: 120_000,
    retry,
    reporters: ['default', new URL('../tried-again.ts', import.meta.url).pathname],
  },
});
export default config;
