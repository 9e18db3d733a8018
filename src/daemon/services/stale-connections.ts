/**
 * Has the kernel forget what it knows of UDP flows to services where that is not true any more: it asks the table of services of the first
 * packet of a flow alone, and a flow of datagrams has no end.
 *
 *     its backend is none of the service's any more, or the service is gone     it would go on to nobody
 *     it began before the service had a backend                                 it would never be translated
 *     affinity of clients changed                                               it would go on where it was
 *
 * As kube-proxy of Kubernetes 1.34 does (pkg/proxy/conntrack). TCP and SCTP find out by themselves.
 */
import { SystemCallError } from '../../errors.ts';
import type { Notice } from '../../api/control-api.ts';
import { Gathering } from '../../linux/gathering.ts';
import type { TrackedConnection } from '../../linux/connection-message.ts';
import { forgetConnectionsThat } from '../../linux/connections.ts';
import type { Destination, Frontend } from '../../services/service-plan.ts';
import { frontendKey, type ServicePlanChange } from '../../services/service-planner.ts';
import { equalIpAddresses } from '../../wire/address.ts';
import { protocolNumber } from './service-names.ts';

const UDP = protocolNumber('UDP');

interface FrontendLookup {
  frontend(key: string): Frontend | undefined;
}

export class StaleConnections {
  readonly #frontends: () => FrontendLookup | undefined;
  readonly #forget: typeof forgetConnectionsThat;
  /** How long clients keep their backends, of all frontends of UDP. */
  readonly #affinity = new Map<string, number | undefined>();
  readonly #rounds = new Gathering<ReadonlyMap<string, 'changed' | 'anew'>>(async (all) => this.#round(all));
  #failure: SystemCallError | undefined;
  /** What was not looked at, as it was not known what the kernel has. */
  #left: ReadonlyMap<string, 'changed' | 'anew'> = new Map();

  /** @param frontends as the kernel has them; `undefined`: that is not known */
  constructor(frontends: () => FrontendLookup | undefined, forget = forgetConnectionsThat) {
    this.#frontends = frontends;
    this.#forget = forget;
  }

  /** To be called when the kernel has followed. Resolves when the flows are gone, or it is known why not: see {@link notices}. */
  async follow({ changed, gone }: ServicePlanChange): Promise<void> {
    const concerned = new Map<string, 'changed' | 'anew'>();
    for (const key of gone) if (this.#affinity.delete(key)) concerned.set(key, 'changed');
    for (const frontend of changed) {
      if (frontend.protocol !== 'UDP') continue;
      const [key, before] = [frontendKey(frontend), this.#affinity.get(frontendKey(frontend))];
      const isAnew = this.#affinity.has(key) && before !== frontend.affinitySeconds;
      this.#affinity.set(key, frontend.affinitySeconds);
      concerned.set(key, isAnew ? 'anew' : 'changed');
    }
    if (concerned.size + this.#left.size > 0) await this.#rounds.add(concerned);
  }

  notices(): readonly Notice[] {
    if (this.#failure === undefined) return [];
    const message = `UDP flows to services whose backend is gone go on to nobody until they pause: ${this.#failure.message}`;
    return [{ code: 'service-flows-unavailable', message }];
  }

  async #round(all: readonly ReadonlyMap<string, 'changed' | 'anew'>[]): Promise<[]> {
    const concerned = new Map([this.#left, ...all].flatMap((one) => [...one]));
    for (const one of [this.#left, ...all]) for (const [key, how] of one) if (how === 'anew') concerned.set(key, how);
    const frontends = this.#frontends();
    this.#left = frontends === undefined ? concerned : new Map();
    if (frontends === undefined) return [];
    try {
      await this.#forget((connection) => {
        const key = keyOf(connection);
        const how = key === undefined ? undefined : concerned.get(key);
        return how !== undefined && (how === 'anew' || isStale(connection, frontends.frontend(key!)));
      });
      this.#failure = undefined;
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#failure = error;
    }
    return [];
  }
}

/** Of the frontend that its first packet was sent to. */
function keyOf({ protocol, sentTo, sentToPort }: TrackedConnection): string | undefined {
  if (protocol !== UDP || sentToPort === undefined) return undefined;
  return frontendKey({ address: sentTo, protocol: 'UDP', port: sentToPort });
}

function isStale(connection: TrackedConnection, frontend: Frontend | undefined): boolean {
  const { destination, destinationPort, sentTo, sentToPort } = connection;
  const isTranslated = !equalIpAddresses(destination, sentTo) || destinationPort !== sentToPort;
  if (frontend === undefined) return isTranslated;
  const isBackend = (to: Destination): boolean =>
    to.kind === 'backends' &&
    to.backends.some(({ address, port }) => port === destinationPort && equalIpAddresses(address, destination));
  return !isBackend(frontend.inside) && !isBackend(frontend.outside);
}
