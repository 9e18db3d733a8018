/** `scripts/kubernetes status`: nodes as the API server sees them, and which programs run. */
import { formatTable } from '../../src/terminal/table.ts';
import { standardOutput } from '../../src/terminal/terminal.ts';
import type { Cluster } from './cluster.ts';

/** Text for a terminal. */
export async function clusterStatus(cluster: Cluster): Promise<string> {
  const { exitCode, stdout, stderr } = await cluster.api.try('get', 'nodes', '-o', 'wide');
  const nodes = exitCode === 0 ? stdout : `the API server does not answer: ${stderr}`;
  const places = [
    { place: 'control plane', background: cluster.background },
    ...cluster.nodes.map(({ name, background }) => ({ place: name, background })),
  ];
  const rows = places.flatMap(({ place, background }) =>
    background.names.toSorted().map((name) => {
      const process = background.process(name);
      return [place, name, process === undefined ? 'ended' : `process ${process.pid}`, background.logFile(name)];
    }),
  );
  const columns = ['where', 'program', 'state', 'log'].map((title) => ({ title }));
  return `${nodes}\n${formatTable(columns, rows, standardOutput())}\nKUBECONFIG=${cluster.kubeconfig}\n`;
}
