// Tests that need root: real TUN devices, network namespaces, labs. Each makes and removes its own, so that several files may run
// at once. They wait more than they work: three keep two processors half busy, more would measure how busy the machine is.
// Where nothing ends for as long as the timeout, all files are ended, and labs are left: a test's own deadlines come first.
export default {
  files: ['test/integration/**/*.test.ts', 'test/dataplane/garbage.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 3,
  timeout: '300s',
  // npx and npm put node_modules/.bin first, and there is an `nft` in it that is not the one of nftables.
  environmentVariables: { PATH: process.env.PATH.replaceAll(/[^:]*node_modules\/\.bin:?/g, '') },
};
