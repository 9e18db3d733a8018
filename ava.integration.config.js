import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

// What begins first, the longest first: what takes minutes and begins late is alone at the end. The last two wait until Kubernetes is
// compiled, which is done meanwhile where it was not before.
const FIRST = `
  docker-compose doctor-nodes doctor-underlay path-mtu pods relay doctor-all explain-faults explain doctor restart kernel-watch
  names cni policy policy-apply worker node-failure kubernetes-api kubernetes
`
  .trim()
  .split(/\s+/);

for (const name of FIRST) {
  const file = join(import.meta.dirname, 'test/integration', `${name}.test.ts`);
  if (!existsSync(file)) throw new Error(`${file} is to begin first, and is not there`);
}

function turnOf(file) {
  const turn = FIRST.indexOf(basename(file, '.test.ts'));
  return turn === -1 ? FIRST.length : turn;
}

// Tests that need root: real TUN devices, network namespaces, labs. Each makes and removes its own, so that several files may run
// at once. They wait more than they work: four leave two processors some time, as compiling Kubernetes needs it; more would measure how
// busy the machine is.
// Where nothing ends for as long as the timeout, all files are ended, and labs are left: a test's own deadlines come first.
export default {
  files: ['test/integration/**/*.test.ts', 'test/dataplane/garbage.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 4,
  sortTestFiles: (one, other) => turnOf(one) - turnOf(other) || one.localeCompare(other),
  timeout: '300s',
  // npx and npm put node_modules/.bin first, and there is an `nft` in it that is not the one of nftables.
  environmentVariables: { PATH: process.env.PATH.replaceAll(/[^:]*node_modules\/\.bin:?/g, '') },
};
