// Tests of the image and the compose file, by themselves: they need a container engine and take minutes. npm run e2e:containers
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 1,
    globalSetup: 'test/e2e/containers/build-image.ts',
    include: ['test/e2e/containers/**/*.test.ts'],
    testTimeout: 1_200_000,
    hookTimeout: 900_000,
  },
});
