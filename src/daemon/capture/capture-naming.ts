/** Tells the thread of captures what peers and routes are called, at the start of a capture and when that changes. */
import { setImmediate } from 'node:timers/promises';
import type { ResolvedRoute } from '../../routing/resolved-route.ts';
import { parseEndpoint } from '../../wire/address.ts';
import { staticKey } from '../../forwarding/active-peers.ts';
import type { Peer } from '../../api/control-api.ts';
import type { NamedPeer, NamedRoute, NamesSlice } from './capture-messages.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';

export interface CaptureNamingOptions {
  readonly routes: Pick<OverlayRoutes, 'inUse' | 'waysTo'>;
  readonly peers: () => readonly Pick<Peer, 'name' | 'identity' | 'kind' | 'endpoint'>[];
  readonly tell: (names: NamesSlice) => void;
}

/** Routes that are told at a time, within a few ms: gossip has to wait for that long. */
const SLICE_ROUTES = 2_000;
/** How often to look whether something has another name, in ms. */
const INTERVAL_MS = 1_000;

export class CaptureNaming {
  readonly #options: CaptureNamingOptions;
  #timer: NodeJS.Timeout | undefined;
  #told: { routes: readonly ResolvedRoute[]; peers: string } | undefined;
  #telling: Promise<void> | undefined;
  /** Grows when another one begins, and the one before is not to go on. */
  #turn = 0;

  constructor(options: CaptureNamingOptions) {
    this.#options = options;
  }

  /** Tells the names, and keeps telling. Resolves when all that is known was told: many routes take a while. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => this.#tellIfNews(), INTERVAL_MS).unref();
    this.#tellIfNews();
    let telling: Promise<void> | undefined;
    while (telling !== this.#telling) {
      telling = this.#telling;
      await telling;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#told = undefined;
    this.#turn++;
  }

  #tellIfNews(): void {
    const routes = this.#options.routes.inUse;
    const peers = this.#peers();
    const text = JSON.stringify(peers);
    if (this.#told !== undefined && this.#told.routes === routes && this.#told.peers === text) return;
    this.#told = { routes, peers: text };
    this.#telling = this.#tell(peers, routes);
  }

  async #tell(peers: readonly NamedPeer[], routes: readonly ResolvedRoute[]): Promise<void> {
    const turn = ++this.#turn;
    for (let at = 0; at === 0 || at < routes.length; at += SLICE_ROUTES) {
      if (at > 0) await setImmediate();
      if (turn !== this.#turn) return;
      const slice = routes.slice(at, at + SLICE_ROUTES).map(named);
      this.#options.tell({ isFirst: at === 0, peers: at === 0 ? peers : [], routes: slice });
    }
  }

  /** Peers by the numbers that packets to them, and from them, are counted by. */
  #peers(): NamedPeer[] {
    return this.#options.peers().flatMap(({ name, identity, kind, endpoint }): NamedPeer[] => {
      const address = parseEndpoint(endpoint)?.address;
      const { direct, relayed } = this.#options.routes.waysTo(kind === 'static' ? staticKey({ name }) : identity);
      return [
        ...(direct === 0 ? [] : [{ number: direct, name, relay: '', address }]),
        ...(relayed === undefined ? [] : [{ number: relayed.peer, name, relay: relayed.relay, address }]),
      ];
    });
  }
}

function named({ prefix, owner, version }: ResolvedRoute): NamedRoute {
  return { prefix, origin: owner.name, version };
}
