/** What the main thread and the thread of the Kubernetes API tell each other. */
import type { ApiPlace } from '../../kubernetes/api-place.ts';
import type { ObjectChanges, WatchState } from '../../kubernetes/object-watch.ts';
import type { ApiRecords, ResourceName } from '../../kubernetes/watched-resource.ts';

/** Given to the thread when it starts. */
export interface ApiThreadSetup {
  readonly place: ApiPlace;
  /** Of the own Node object. */
  readonly nodeName: string;
  /** What is watched. */
  readonly resources: readonly ResourceName[];
  /** What the server logs of who asks. */
  readonly userAgent: string;
}

/** Reads an object, makes one, takes its place, or merges into it. */
export type AskKind = 'get' | 'post' | 'put' | 'patch';

/** From the main thread. */
export type ApiOrder =
  /** Asks for something once; what comes of it is reported under the number. */
  | { readonly kind: AskKind; readonly number: number; readonly path: string; readonly body: unknown }
  | { readonly kind: 'close' };

/** From the thread. */
export type ApiReport =
  | { [Name in ResourceName]: ChangesReport<Name> }[ResourceName]
  | { readonly kind: 'state'; readonly resource: ResourceName; readonly state: WatchState }
  | {
      readonly kind: 'done';
      readonly number: number;
      readonly problem: string;
      readonly status: number;
      readonly body: unknown;
    };

export interface ChangesReport<Name extends ResourceName> {
  readonly kind: 'changes';
  readonly resource: Name;
  readonly changes: ObjectChanges<ApiRecords[Name]>;
}
