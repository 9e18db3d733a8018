/** Where an API server is, as kubectl and the daemon read it. */
import type { ApiPlace } from '../../src/kubernetes/api-place.ts';

/** Text of a kubeconfig for a server that asks nobody who they are. */
export function kubeconfigOf({ host, port, ca }: ApiPlace): string {
  const cluster = { server: `https://${host}:${port}`, 'certificate-authority': (ca as { file: string }).file };
  return JSON.stringify({
    'current-context': 'weft',
    contexts: [{ name: 'weft', context: { cluster: 'weft', user: 'weft' } }],
    clusters: [{ name: 'weft', cluster }],
    users: [{ name: 'weft', user: {} }],
  });
}
