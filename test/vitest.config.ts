import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/{unit,property,simulation,contract,golden}/**/*.test.ts'],
    testTimeout: 30_000,
    reporters: ['default', new URL('left-out.ts', import.meta.url).pathname],
  },
});
export default config;
