import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'fixtures/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two at a time: the tests start real shells, agents and servers.
    maxWorkers: 2,
    pool: 'forks',
  },
});
