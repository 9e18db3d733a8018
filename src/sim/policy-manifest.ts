/** Policies of simulated clusters. */
import type { RulebookWish } from '../rulebook/rulebook.ts';

/** Policy `serial`, as somebody gives it at some time: one that changed has another `revision`. About 300 bytes. */
export function policyOf(serial: number, revision = 0): RulebookWish {
  const name = `allow-${serial}`;
  const object = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace: 'shop' },
    spec: {
      podSelector: { matchLabels: { app: `web-${serial}` } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { app: 'proxy' } } }],
          ports: [{ protocol: 'TCP', port: 8_080 + revision }],
        },
      ],
    },
  };
  return { kind: 'NetworkPolicy', namespace: 'shop', name, object: JSON.stringify(object) };
}
