/** Which backend the kernel of this node would choose for a packet, by asking the plan that it has, and the clients that it remembers. */
import { CommandError } from '../../errors.ts';
import type { ServiceChoice, ServiceOutcome } from '../../explain/service-choice.ts';
import { runCommand } from '../../linux/command.ts';
import { SERVICE_TABLE, titleOf } from '../../linux/nftables.ts';
import { pickIndex } from '../../services/pick-hash.ts';
import type { Frontend, PlannedBackend } from '../../services/service-plan.ts';
import { frontendKey } from '../../services/service-planner.ts';
import type { ServiceProtocol } from '../../services/service.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { type Prefix, prefixContains } from '../../wire/prefix.ts';
import type { ServiceEnforcement } from './service-enforcement.ts';
import type { PodTitles } from './pod-titles.ts';
import { keptSet, protocolNumber } from './service-names.ts';

/** A packet that begins a flow. */
export interface BeginningPacket {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface ServiceChoicesOptions {
  readonly enforcement: Pick<ServiceEnforcement, 'inspect' | 'frontends'>;
  readonly prefixes: readonly Prefix[];
  readonly titles: Pick<PodTitles, 'at'>;
  /** Whether a backend remembers a client; absent: the kernel is asked. */
  readonly isKept?: (frontend: Frontend, backend: PlannedBackend, client: IpAddress) => Promise<boolean>;
}

/** More backends are not asked one by one which of them remembers a client. */
const MAX_ASKED = 100;

const protocols = ['TCP', 'UDP', 'SCTP'] as const satisfies readonly ServiceProtocol[];

export class ServiceChoices {
  readonly #options: ServiceChoicesOptions;

  constructor(options: ServiceChoicesOptions) {
    this.#options = options;
  }

  /** @param isInside whether a pod of this node, or the node, sends it. @returns `undefined`: it is for no service */
  async of(packet: BeginningPacket, isInside: boolean): Promise<ServiceChoice | undefined> {
    const { enforcement, prefixes } = this.#options;
    const { frontends } = enforcement;
    const { destination, destinationPort } = packet;
    const isOfPrefix = prefixes.some((prefix) => prefixContains(prefix, destination));
    const protocol = protocols.find((one) => protocolNumber(one) === packet.protocol);
    const port = protocol === undefined ? '' : ` ${protocol.toLowerCase()} ${destinationPort}`;
    const place = `${formatIpAddress(destination)}${port}`;
    const stopping = (outcome: ServiceOutcome, service = '', why = ''): ServiceChoice => {
      return { outcome, service, place, backends: 0, how: 'only', backend: undefined, why };
    };
    if (frontends === undefined)
      return isOfPrefix ? stopping('unknown', '', 'its kernel does not have the services that it should') : undefined;
    if (frontends.size === 0) return undefined;
    const frontend =
      protocol && frontends.frontend(frontendKey({ address: destination, protocol, port: destinationPort }));
    const isOfServices = frontend !== undefined || isOfPrefix || frontends.hasAddress(destination);
    if (!isOfServices) return undefined;
    if ((await enforcement.inspect()).findings.length > 0)
      return stopping('unknown', frontend?.service, 'somebody changed its nftables table of services');
    if (frontend === undefined) return stopping(frontends.hasAddress(destination) ? 'no-port' : 'no-service');
    const to = isInside ? frontend.inside : frontend.outside;
    if (to.kind !== 'backends') return stopping(to.kind, frontend.service);
    if (frontend.sources?.every((prefix) => !prefixContains(prefix, packet.source)) === true)
      return stopping('source-refused', frontend.service);
    const { how, backend } = await this.#chosen(packet, frontend, to.backends);
    const { address, port: backendPort, nodeName } = backend;
    return {
      ...stopping('backend', frontend.service),
      backends: to.backends.length,
      how,
      backend: {
        address: formatIpAddress(address),
        port: backendPort,
        pod: this.#options.titles.at(address) ?? '',
        node: nodeName,
      },
    };
  }

  async #chosen(
    { source, sourcePort }: BeginningPacket,
    frontend: Frontend,
    backends: readonly PlannedBackend[],
  ): Promise<{ readonly how: ServiceChoice['how']; readonly backend: PlannedBackend }> {
    if (backends.length === 1) return { how: 'only', backend: backends[0]! };
    const { isKept = isKeptInKernel } = this.#options;
    if (frontend.affinitySeconds !== undefined)
      for (const backend of backends.slice(0, MAX_ASKED))
        if (await isKept(frontend, backend, source)) return { how: 'kept', backend };
    return { how: 'hash', backend: backends[pickIndex(source, sourcePort, backends.length)]! };
  }
}

async function isKeptInKernel(frontend: Frontend, backend: PlannedBackend, client: IpAddress): Promise<boolean> {
  const [family, table] = titleOf(SERVICE_TABLE).split(' ');
  const element = `{ ${formatIpAddress(client)} }`;
  try {
    const purpose = 'look up which backend a client keeps';
    await runCommand(['nft', 'get', 'element', family!, table!, keptSet(frontend, backend), element], { purpose });
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}
