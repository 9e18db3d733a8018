/** `weft service add`. */
import type { Command } from 'commander';
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';
import { splitLabel } from '../directory/pod-labels.ts';
import { SHARING_ANNOTATION, WANTED_ANNOTATION } from '../services/balancer-annotations.ts';
import type { OutputOptions } from './output.ts';
import { parseServicePort, type WantedPort } from './service-port.ts';

interface ServiceAddOptions extends OutputOptions {
  readonly namespace: string;
  readonly port: readonly WantedPort[];
  readonly selector: readonly string[];
  readonly address?: readonly string[];
  readonly nodePort?: true;
  readonly external?: readonly string[];
  readonly affinity?: string | true;
  readonly local?: true;
  readonly loadBalancer?: true;
  readonly share?: string;
  readonly sources?: readonly string[];
  readonly headless?: true;
}

const HELP = `
A port is [NAME=]PORT[:TARGET][/PROTOCOL]: 80, 80:8080, dns=53/udp, 443:https.
TARGET is a port of the pods, or the name that each has for one. Backends are the
pods of the namespace with all labels of the selector, at whatever node. The same
name again replaces the service, which keeps its address. What else Kubernetes
has for a Service goes into a manifest: weft policy apply -f. With Kubernetes, use
kubectl.`;

/** Adds `add` to `service`. */
export function addServiceAdd(service: Command): void {
  service
    .command('add')
    .description('give a service to the cluster: one address, and the pods behind it; again does no harm')
    .argument('<name>', 'name of the service')
    .requiredOption('--port <port...>', 'ports', collectedPorts)
    .requiredOption('--selector <key=value...>', 'labels of the pods behind it')
    .option('--namespace <namespace>', 'namespace of the service and of its pods', DEFAULT_NAMESPACE)
    .option(
      '--address <address...>',
      'its addresses, or with --load-balancer those of the load balancer; otherwise, or with auto, free ones',
    )
    .option(
      '--load-balancer',
      'it gets an address of services.pools, too, at which hosts on the network of the nodes reach it',
    )
    .option('--share <key>', 'services with the same key may have one address of a load balancer together')
    .option('--sources <prefix...>', 'who may use the addresses of the load balancer; otherwise anybody')
    .option('--node-port', 'it is reached at each node, too, at a port that is chosen')
    .option('--external <address...>', 'addresses of nodes, or that lead to them, at which it is reached, too')
    .option('--affinity [seconds]', 'a client keeps its backend, until it is silent for so long; otherwise 10800')
    .option(
      '--local',
      'what comes to a node from outside goes to backends of that node alone, and keeps its source address',
    )
    .option('--headless', 'names alone: its name means the addresses of its pods')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (name: string, options: ServiceAddOptions, command: Command) => {
      const object = serviceObject(name, options, command);
      const [{ controlClient }, { print }] = await Promise.all([import('./daemon-socket.ts'), import('./output.ts')]);
      const client = controlClient(command);
      const report = await client.givePolicies({ apply: [object] });
      for (const { message } of report.notices) process.stderr.write(`weft: ${message}\n`);
      const { services } = await client.services();
      const added = services.find((one) => one.name === name && one.namespace === options.namespace);
      print(options, added ?? report, () => {
        const { outcome } = report.results[0]!;
        const title = `service ${options.namespace}/${name} ${outcome}`;
        if (added === undefined) return `${title}\n`;
        const ports = added.ports.flatMap(({ nodePort }) => (nodePort === null ? [] : [nodePort]));
        const at = added.headless ? 'names alone' : added.clusterAddresses.join(', ');
        const balancer = added.loadBalancerAddresses.map(({ address }) => address);
        return [
          `${title}: ${at}`,
          ...(balancer.length === 0 ? [] : [`, load balancer ${balancer.join(', ')}`]),
          ...(ports.length === 0 ? [] : [`, at each node port ${ports.join(', ')}`]),
          '\n',
        ].join('');
      });
    });
}

/** @throws InvalidArgumentError */
function collectedPorts(text: string, before: readonly WantedPort[] | undefined): readonly WantedPort[] {
  return [...(before ?? []), parseServicePort(text)];
}

/** As in Kubernetes (core/v1). */
function serviceObject(name: string, options: ServiceAddOptions, command: Command): object {
  const { namespace, port, selector, nodePort, external, affinity, local, headless, loadBalancer, sources } = options;
  const addresses = listed(options.address).filter((text) => text !== 'auto');
  const isBalanced = loadBalancer === true;
  if (headless === true && (addresses.length > 0 || nodePort === true || isBalanced))
    command.error('error: --headless has names alone: leave out --address, --node-port and --load-balancer');
  if (local === true && nodePort !== true && external === undefined && !isBalanced)
    command.error('error: --local is about what comes from outside: add --load-balancer, --node-port or --external');
  for (const name of ['share', 'sources'] as const)
    if (options[name] !== undefined && !isBalanced)
      command.error(`error: --${name} is about addresses of a load balancer: add --load-balancer`);
  if (typeof affinity === 'string' && !/^\d+$/.test(affinity))
    command.error(`error: --affinity ${affinity}: a time in seconds is needed, like 600`);
  const labels = selector.map(
    (text) => splitLabel(text) ?? command.error(`error: --selector ${text}: a label is KEY=VALUE`),
  );
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, ...(isBalanced && { annotations: annotationsOf(addresses, options) }) },
    spec: {
      type: isBalanced ? 'LoadBalancer' : nodePort === true ? 'NodePort' : 'ClusterIP',
      ...(isBalanced && { allocateLoadBalancerNodePorts: nodePort === true }),
      ...(sources !== undefined && { loadBalancerSourceRanges: listed(sources) }),
      selector: Object.fromEntries(labels) as Record<string, string>,
      ports: port.map(({ name: portName, ...rest }, index) => ({
        ...rest,
        ...((portName !== undefined || port.length > 1) && { name: portName ?? `port-${index + 1}` }),
      })),
      ...(headless === true && { clusterIP: 'None' }),
      ...(headless !== true && { ipFamilyPolicy: 'PreferDualStack' }),
      ...(!isBalanced && addresses.length > 0 && { clusterIP: addresses[0], clusterIPs: addresses }),
      ...(external !== undefined && { externalIPs: external }),
      ...(local === true && { externalTrafficPolicy: 'Local' }),
      ...(affinity !== undefined && {
        sessionAffinity: 'ClientIP',
        ...(affinity !== true && { sessionAffinityConfig: { clientIP: { timeoutSeconds: Number(affinity) } } }),
      }),
    },
  };
}

/** What Kubernetes has no fields for. */
function annotationsOf(addresses: readonly string[], { share }: ServiceAddOptions): Readonly<Record<string, string>> {
  return {
    ...(addresses.length > 0 && { [WANTED_ANNOTATION]: addresses.join(',') }),
    ...(share !== undefined && { [SHARING_ANNOTATION]: share }),
  };
}

/** Of an option that may be given several times, or with commas. */
function listed(texts: readonly string[] = []): readonly string[] {
  return texts.flatMap((text) => text.split(','));
}
