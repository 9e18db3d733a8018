/** The shop of `shop-files.ts` as a daemon tells of it. */
import { join } from 'node:path';
import type { KnownPolicy, PolicyReport } from '../../src/api/policy-api.ts';
import { readManifests } from '../../src/cli/manifest-files.ts';
import { readPodFile } from '../../src/cli/policy-pods.ts';
import { formatIpAddress } from '../../src/wire/address.ts';

/** @param directory made by `shopDirectory` */
export function shopReport(directory: string): PolicyReport {
  const { pods, nodes } = readPodFile(join(directory, 'pods.json'));
  return {
    node: 'n1',
    policies: readManifests([join(directory, 'policies')])
      .manifests.map(({ value }) => value as KnownPolicy['object'])
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .map((object) => ({ source: 'kubernetes', object, state: 'enforced', problems: [] })),
    pods: pods.map(({ nodeName, namespace, name, labels, addresses, ports, hasMorePorts, hostNetwork }) => ({
      node: nodeName,
      namespace,
      name,
      labels: labels ?? null,
      addresses: addresses.map(formatIpAddress),
      ports,
      hasMorePorts,
      hostNetwork,
    })),
    namespaces: [{ name: 'shop', labels: {} }],
    nodes: nodes.map(({ name, labels, underlayAddresses }) => ({
      name,
      labels,
      underlayAddresses: underlayAddresses.map(formatIpAddress),
      overlayAddresses: [],
    })),
    notices: [],
  };
}
