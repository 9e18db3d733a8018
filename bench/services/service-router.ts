/**
 * A node that forwards between two pods of its own, as one that translates for services does. The second pod has several addresses, each of
 * which is a backend.
 *
 *     client --veth-- router --veth-- server
 */
import { availableParallelism } from 'node:os';
import { runCommand } from '../../src/linux/command.ts';
import { enterNetworkNamespace } from '../../src/linux/network-namespace.ts';
import { startAnswering } from '../generator.ts';
import { removeNamespaces, runName } from '../leftovers.ts';
import type { Program } from '../program.ts';
import type { EchoTask } from '../programs/echo-server.ts';
import { ip } from '../site.ts';
import { BACKENDS, NODE_ADDRESS } from './service-cluster.ts';

const GATEWAY = '169.254.1.1';
const CLIENT_ADDRESS = '10.244.1.10';

/** Of the server. */
export const serverAddresses = Array.from({ length: BACKENDS }, (_, index) => `10.244.1.${20 + index}`);

/**
 * Where the client runs, and who answers its datagrams: on the same processor, as an answer takes 20 us, or 80, as the kernel happens to place
 * them. Connections are answered by the kernel, and whoever accepts them is kept away from the client.
 */
export const PROCESSOR = 0;
const OTHER_PROCESSOR = availableParallelism() > 1 ? 1 : 0;

export class ServiceRouter {
  /** Of the router; `undefined`: it is where this process is. */
  readonly #netns: string | undefined;
  readonly client: string;
  readonly server: string;

  private constructor(name: string, isHere: boolean) {
    const prefix = `${runName()}-${name}`;
    this.#netns = isHere ? undefined : prefix;
    this.client = `${prefix}-client`;
    this.server = `${prefix}-server`;
  }

  /** @param isHere the router is in the namespace of this process, which is this benchmark's own */
  static async up(name: string, isHere: boolean, cleanUp: AsyncDisposableStack): Promise<ServiceRouter> {
    const router = new ServiceRouter(name, isHere);
    const [netns, { client, server }] = [router.#netns, router];
    const names = [client, server, ...(netns === undefined ? [] : [netns])];
    cleanUp.defer(async () => removeNamespaces(names));
    await ip(names.map((one) => `netns add ${one}`));
    // Devices of pods are called so.
    await ip(
      [
        'link set lo up',
        `address add ${NODE_ADDRESS}/32 dev lo`,
        ...cable('wfclient', client, [CLIENT_ADDRESS]),
        ...cable('wfserver', server, serverAddresses),
      ],
      netns,
    );
    await runCommand(['sysctl', '-qw', 'net.ipv4.ip_forward=1'], {
      purpose: 'let a node forward',
      ...(netns !== undefined && { netns: `/run/netns/${netns}` }),
    });
    await connect(client, [CLIENT_ADDRESS]);
    await connect(server, serverAddresses);
    return router;
  }

  /** Does something in the namespace of the router. */
  async inside<Value>(act: () => Promise<Value>): Promise<Value> {
    const leave = this.#netns === undefined ? undefined : enterNetworkNamespace(`/run/netns/${this.#netns}`);
    try {
      return await act();
    } finally {
      leave?.();
    }
  }
}

/** Starts a server at each address of the server of a router. @returns what ends them */
export async function startServers({ server }: ServiceRouter, task: EchoTask): Promise<() => Promise<void>> {
  const processor = task.protocol === 'udp' ? PROCESSOR : OTHER_PROCESSOR;
  const start = async (address: string): Promise<Program> =>
    startAnswering('echo-server', { ...task, address, processor } satisfies EchoTask, server);
  const servers = await Promise.all(serverAddresses.map(start));
  return async () => void (await Promise.all(servers.map(async (one) => one.stop())));
}

function cable(device: string, netns: string, addresses: readonly string[]): string[] {
  return [
    `link add name ${device} type veth peer name eth0 netns ${netns}`,
    `address add ${GATEWAY}/32 dev ${device}`,
    `link set ${device} addrgenmode none up`,
    ...addresses.map((address) => `route add ${address}/32 dev ${device} src ${NODE_ADDRESS}`),
  ];
}

async function connect(netns: string, addresses: readonly string[]): Promise<void> {
  await ip(
    [
      'link set lo up',
      ...addresses.map((address) => `address add ${address}/32 dev eth0`),
      'link set eth0 addrgenmode none up',
      `route add ${GATEWAY}/32 dev eth0 scope link`,
      `route add default via ${GATEWAY} dev eth0`,
    ],
    netns,
  );
}
