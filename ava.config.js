// One process per file: `cap` and the FFI do not survive worker threads. The time is for a machine that does ten other things: where
// nothing ends for as long, all files are ended.
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
  timeout: '300s',
};
