/** The way from the machine to the API server of a cluster, whose network the machine is not part of. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';
import { USUAL_PORTS, type ApiServer } from './api-server.ts';
import type { Background } from './background.ts';

interface Kubeconfig {
  readonly clusters: readonly { readonly name: string; readonly cluster: Readonly<Record<string, string>> }[];
}

/**
 * Opens a port of 127.0.0.1 that leads to the API server, and writes a kubeconfig for it. Anybody on the machine can connect to it; without a
 * token, which only root can read, nothing is answered.
 */
export async function forwardToHost(
  api: ApiServer,
  background: Background,
  directory: string,
  file: string,
): Promise<void> {
  const port = await freePort();
  const socket = join(directory, 'api.sock');
  const target = `TCP:127.0.0.1:${USUAL_PORTS.api}`;
  background.start('api-inside', api.inside(['socat', `UNIX-LISTEN:${socket},fork,mode=600`, target]));
  await until('the way to the API server is open', () => {
    background.mustRun('api-inside');
    return existsSync(socket);
  });
  const listener = `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`;
  background.start('api-outside', ['socat', listener, `UNIX-CONNECT:${socket}`]);
  const inside = parse(readFileSync(api.credentials.kubeconfig('admin'), 'utf8')) as Kubeconfig;
  const clusters = inside.clusters.map(({ name, cluster }) => ({
    name,
    cluster: { ...cluster, server: `https://127.0.0.1:${port}` },
  }));
  writeFileSync(file, stringify({ ...inside, clusters }), { mode: 0o600 });
}
