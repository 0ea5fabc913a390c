// Three kinds of tests: fast ones on sources, the simulator, and real processes on what is built.
import { defineConfig } from 'vitest/config';

const conditions = ['millrace-source', 'node', 'import', 'module', 'default'];
const onSources = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        ...onSources,
        test: {
          name: 'unit',
          include: [
            'packages/**/src/**/*.test.ts',
            'test/{tidy,compat,guides,cases,nexmark,oracle,examples,bench}/**/*.test.ts',
          ],
          testTimeout: 60_000,
        },
      },
      {
        ...onSources,
        test: { name: 'sim', include: ['test/sim/**/*.test.ts'], testTimeout: 0, hookTimeout: 0 },
      },
      {
        test: {
          name: 'processes',
          include: ['test/{e2e,chaos}/**/*.test.ts'],
          exclude: ['test/e2e/containers/**'], // npm run e2e:containers
          // What is built needs no transformation.
          server: { deps: { external: [/\/packages\/(?:connectors\/)?[^/]+\/dist\//] } },
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
