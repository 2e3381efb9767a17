import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { retry } from '../tried-again.ts';

const config: ViteUserConfig = defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry,
    reporters: ['default', new URL('../tried-again.ts', import.meta.url).pathname],
  },
});
export default config;
