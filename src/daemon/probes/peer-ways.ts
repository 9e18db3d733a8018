/** The ways from this node to another, each tried with one probe. */
import { OVERHEAD_BYTES } from '../../dataplane/encapsulation.ts';
import { MIN_PROBE_BYTES } from '../../dataplane/path-probes.ts';
import type { Announcement } from '../../membership/announcement.ts';
import type { StaticPeer } from '../../routing/static-peer.ts';
import { type Endpoint, formatEndpoint, formatIpAddress } from '../../wire/address.ts';
import { dataEndpointOf, staticKey } from '../../forwarding/active-peers.ts';
import type { Echoes } from './echoes.ts';
import { microseconds } from './echo-words.ts';
import type { Echo, PingedWay } from '../../api/ping-api.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { PathProber } from '../routes/path-prober.ts';
import { sizedEcho } from './sized-echo.ts';

export interface PeerWaysOptions {
  readonly echoes: Echoes;
  /** Absent where paths are not probed. */
  readonly paths: Pick<PathProber, 'probe' | 'stateOf'> | undefined;
  readonly routes: Pick<OverlayRoutes, 'waysTo'>;
  /** All other members, those that are there before those that are gone. */
  readonly others: () => readonly Announcement[];
  readonly staticPeers: readonly StaticPeer[];
  /** Of this node, in bytes: no probe may be longer. */
  readonly overlayMtuBytes: number;
}

/** Length that a probe and its answer have if nothing is said, in bytes, as that of an echo. */
const USUAL_PROBE_BYTES = 84;

export class PeerWays {
  readonly #options: PeerWaysOptions;

  constructor(options: PeerWaysOptions) {
    this.#options = options;
  }

  /** From machine to machine, beside the tunnel; nothing for a node that is not known. */
  async underlay(node: string, timeoutMs: number, sizeBytes?: number): Promise<PingedWay[]> {
    const found = this.#find(node);
    if (found === undefined) return [];
    const { address } = found.endpoint;
    const { echoes, routes } = this.#options;
    const echo = await sizedEcho({
      send: async (size) =>
        echoes.echo(address, timeoutMs, size === undefined ? undefined : size + OVERHEAD_BYTES[address.family]),
      sizeBytes,
      passingBytes: () => this.#passingBytes(routes.waysTo(found.key).direct),
    });
    return [{ way: 'underlay', to: formatIpAddress(address), ...echo }];
  }

  /** Through the tunnel, straight, and through a relay where packets take one; nothing for a node that is not known. */
  async tunnel(node: string, timeoutMs: number, sizeBytes?: number): Promise<PingedWay[]> {
    const found = this.#find(node);
    if (found === undefined) return [];
    const { direct, relayed } = this.#options.routes.waysTo(found.key);
    const to = formatEndpoint(found.endpoint);
    const tries = [
      { way: 'data-port' as const, to, peer: direct },
      ...(relayed === undefined ? [] : [{ way: 'relay' as const, to: relayed.relay, peer: relayed.peer }]),
    ];
    return await Promise.all(
      tries.map(async ({ peer, ...way }) => ({
        ...way,
        ...(await sizedEcho({
          send: async (size) => this.#probe(found, peer, size ?? USUAL_PROBE_BYTES, timeoutMs),
          sizeBytes,
          passingBytes: () => this.#passingBytes(peer),
        })),
      })),
    );
  }

  async #probe({ isStatic }: FoundPeer, peer: number, sizeBytes: number, timeoutMs: number): Promise<Echo> {
    const { paths, overlayMtuBytes } = this.#options;
    if (isStatic) return notAsked('a static peer answers no probes');
    if (paths === undefined) return notAsked('probing is off at this node (pathMtu.probing)');
    if (peer === 0) return notAsked('none of its prefixes is in use, so nothing is sent to it: see "weft peers"');
    if (sizeBytes > overlayMtuBytes) return notAsked(`longer than ${overlayMtuBytes} bytes, the overlay MTU`);
    const outcome = await paths.probe(peer, Math.max(MIN_PROBE_BYTES, sizeBytes), timeoutMs);
    if (typeof outcome === 'object') return { roundTripMs: microseconds(outcome.roundTripMs), problem: '' };
    if (outcome === 'lost') return { roundTripMs: null, problem: '' };
    return notAsked(outcome === 'not-probed' ? 'it answers no probes' : 'longer than the MTU of the device');
  }

  /** Largest inner packet that passes on the way with this number, if that was measured. */
  #passingBytes(peer: number): number | undefined {
    const path = this.#options.paths?.stateOf(peer);
    return path?.phase === 'confirmed' ? path.mtuBytes : undefined;
  }

  #find(node: string): FoundPeer | undefined {
    const member = this.#options.others().find(({ name }) => name === node);
    const endpoint = member && dataEndpointOf(member);
    if (member !== undefined && endpoint !== undefined) return { key: member.identity, endpoint, isStatic: false };
    const fixed = this.#options.staticPeers.find(({ name }) => name === node);
    return fixed && { key: staticKey(fixed), endpoint: fixed.endpoint, isStatic: true };
  }
}

interface FoundPeer {
  readonly key: string;
  readonly endpoint: Endpoint;
  readonly isStatic: boolean;
}

function notAsked(problem: string): Echo {
  return { roundTripMs: null, problem };
}
