/**
 * What the main thread and the thread of names tell each other.
 *
 * The thread has a copy of all names, which it is told node by node, and of services as they change, and answers without asking anybody. What
 * it counts is in memory that both see.
 */
import type { SettledNames } from './name-service.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { AskingPod } from '../../names/askers.ts';
import type { NamedNode } from '../../names/name-table.ts';
import type { NamedService } from '../../names/service-names.ts';
import type { NameServerAddress } from '../../names/resolver-configuration.ts';
import type { NameAddress, NameAddressFailure } from './name-listener.ts';

/** Given to the thread when it starts. */
export interface NamesThreadSetup {
  /** Labels of the domain, in lower case. */
  readonly domain: readonly string[];
  readonly nodeName: string;
  readonly clusterPrefixes: readonly Prefix[];
  /** Of addresses of services. */
  readonly servicePrefixes: readonly Prefix[];
  readonly ttlSeconds: number;
  /** Whom to ask for other names; empty: those that {@link resolverFile} names. */
  readonly resolvers: readonly NameServerAddress[];
  readonly resolverFile: string;
  /** Descriptors that connections of clients and questions to resolvers may take. */
  readonly mostDescriptors: number;
  /** Of `NameCounters`. */
  readonly counters: SharedArrayBuffer;
}

/** From the main thread. */
export type NamesOrder =
  /** What a node and its pods are called; `undefined`: it is gone. */
  | { readonly kind: 'node'; readonly identity: string; readonly node: NamedNode | undefined }
  | ({ readonly kind: 'services' } & ServicesChange)
  | ({ readonly kind: 'place' } & NamesPlace)
  /** All that was there when the daemon started is told. */
  | { readonly kind: 'settled'; readonly of: SettledNames }
  | { readonly kind: 'close' };

/** Services that are others than before, or new, and those that are gone. */
export interface ServicesChange {
  readonly changed: readonly NamedService[];
  readonly gone: readonly Pick<NamedService, 'namespace' | 'name'>[];
}

/** Where to listen, and to whom. */
export interface NamesPlace {
  readonly addresses: readonly NameAddress[];
  /** This node's own: those of `addresses`, and it is never asked there for other names. */
  readonly own: readonly IpAddress[];
  readonly pods: readonly AskingPod[];
}

/** From the thread. */
export type NamesReport = NamesState;

/** How it is: told whenever that is not as before. */
export interface NamesState {
  readonly listening: readonly string[];
  readonly failures: readonly NameAddressFailure[];
  /** Whom it asks for other names. */
  readonly resolvers: readonly string[];
  readonly known: number;
  readonly contested: number;
  readonly unnameable: number;
}
