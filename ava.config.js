// One process per file: `cap` and the FFI do not survive worker threads.
export default {
  files: [
    'test/**/*.test.ts',
    '!test/integration/**',
    '!test/long/**',
    // Runs with those: coverage slows it down tenfold, and makes garbage of its own.
    '!test/dataplane/garbage.test.ts',
  ],
  extensions: ['ts'],
  workerThreads: false,
  timeout: '60s',
};
