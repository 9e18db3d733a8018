// Slow tests, which `scripts/test --long` runs: each file makes a cluster of its own, and has the machine to itself.
// Where nothing ends for as long as the timeout, they are ended, and clusters are left: a test's own deadlines come first. Compiling
// Kubernetes and its tests is part of the first one, unless it was done before.
export default {
  files: ['test/long/**/*.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 1,
  timeout: '90m',
  // npx and npm put node_modules/.bin first, and there is an `nft` in it that is not the one of nftables.
  // Elsewhere they are skipped: see test/support/slow-test.ts.
  environmentVariables: { TEST_LONG: 'yes', PATH: process.env.PATH.replaceAll(/[^:]*node_modules\/\.bin:?/g, '') },
};
