/** Files of a shop as somebody has them in a repository, and its pods as kubectl prints them: for commands that ask no daemon. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Line numbers of these are in tests. */
const shop = `apiVersion: v1
kind: Namespace
metadata:
  name: shop
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
  namespace: shop
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  podSelector:
    matchLabels: { app: web }
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - port: http
  egress:
    - to:
        - podSelector:
            matchLabels: { app: db }
      ports:
        - port: 5432
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
spec:
  podSelector:
    matchLabels: { app: db }
  ingress:
    - from:
        - podSelector:
            matchLabels: { app: web }
      ports:
        - port: 5432
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
`;

/** What of a Pod differs. */
export interface PodChange {
  readonly labels?: Readonly<Record<string, string>>;
  readonly addresses?: readonly string[];
  readonly node?: number;
  readonly port?: readonly [name: string, port: number];
  readonly phase?: string;
  readonly hostNetwork?: true;
}

/** A Pod, as the API has it. @param title `shop/web` */
export function podObject(title: string, change: PodChange = {}): object {
  const [namespace, name] = title.split('/');
  const { labels = {}, addresses = [], node = 1, port, phase = 'Running', hostNetwork } = change;
  const ports = port === undefined ? [] : [{ name: port[0], containerPort: port[1], protocol: 'TCP' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, uid: title, labels },
    spec: { nodeName: `n${node}`, containers: [{ name: 'main', ports }], ...(hostNetwork && { hostNetwork }) },
    status: {
      phase,
      hostIP: `192.168.7.${node}`,
      ...(addresses.length > 0 && { podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })) }),
    },
  };
}

const hash = { 'pod-template-hash': '6d4c5b7f9' };
const web = { labels: { app: 'web', ...hash }, port: ['http', 8080] } as const;

const pods = [
  podObject('shop/web-6d4c5b7f9-bx2lq', { ...web, addresses: ['10.244.1.5', 'fd00:1::5'] }),
  podObject('shop/web-6d4c5b7f9-r7tjw', { ...web, addresses: ['10.244.2.9', 'fd00:2::9'], node: 2 }),
  podObject('shop/db-0', { labels: { app: 'db' }, addresses: ['10.244.2.7'], node: 2, port: ['sql', 5432] }),
  podObject('monitoring/prometheus-0', { labels: { app: 'prometheus' }, addresses: ['10.244.1.8'] }),
  podObject('kube-system/kube-proxy-n1', { addresses: ['192.168.7.1'], hostNetwork: true }),
  podObject('shop/migrate-x', { addresses: ['10.244.1.9'], phase: 'Succeeded' }),
];

/** Directory with `policies/shop.yaml` and `pods.json` in it. */
export function shopDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-policy-'));
  mkdirSync(join(directory, 'policies'));
  writeFileSync(join(directory, 'policies', 'shop.yaml'), shop);
  writePods(directory, pods);
  return directory;
}

/** Writes `pods.json`. */
export function writePods(directory: string, items: readonly object[]): void {
  writeFileSync(join(directory, 'pods.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}
