/** The rest of a control plane: what schedules pods, and what makes of objects other objects. */
import { join } from 'node:path';
import { SERVICE_RANGES, type ApiServer } from './api-server.ts';
import type { Background } from './background.ts';
import { POD_RANGES } from './node-configuration.ts';

/** Starts kube-controller-manager and kube-scheduler beside the API server. */
export function startControllers(api: ApiServer, background: Background, directory: string): void {
  const { credentials, programs } = api;
  background.start(
    'kube-controller-manager',
    api.inside([
      join(programs, 'kube-controller-manager'),
      ...asUser(credentials.kubeconfig('controller-manager')),
      '--use-service-account-credentials=true',
      '--allocate-node-cidrs=true',
      `--cluster-cidr=${POD_RANGES.join(',')}`,
      '--node-cidr-mask-size-ipv4=24',
      '--node-cidr-mask-size-ipv6=64',
      `--service-cluster-ip-range=${SERVICE_RANGES}`,
      `--root-ca-file=${credentials.authority}`,
      `--service-account-private-key-file=${credentials.path('sa.key')}`,
      // Otherwise it makes a directory of the machine's.
      `--flex-volume-plugin-dir=${join(directory, 'volume-plugins')}`,
    ]),
  );
  background.start(
    'kube-scheduler',
    api.inside([join(programs, 'kube-scheduler'), ...asUser(credentials.kubeconfig('scheduler'))]),
  );
}

function asUser(kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--authentication-skip-lookup=true',
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ];
}
