import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/{unit,property,simulation,contract,golden}/**/*.test.ts'],
    testTimeout: 30_000,
  },
});
export default config;
