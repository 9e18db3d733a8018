// Tests that need root: real TUN devices, network namespaces, labs. Each makes and removes its own, so two files may run
// at once; more would only measure how busy the machine is.
export default {
  files: ['test/integration/**/*.test.ts', 'test/dataplane/garbage.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 2,
  timeout: '180s',
  // npx and npm put node_modules/.bin first, and there is an `nft` in it that is not the one of nftables.
  environmentVariables: { PATH: process.env.PATH.replaceAll(/[^:]*node_modules\/\.bin:?/g, '') },
};
