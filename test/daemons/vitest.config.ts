import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/daemons/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
export default config;
