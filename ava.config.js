// One process per file: `cap` and the FFI do not survive worker threads.
export default {
  files: ['test/**/*.test.ts', '!test/integration/**'],
  extensions: ['ts'],
  workerThreads: false,
  timeout: '60s',
};
