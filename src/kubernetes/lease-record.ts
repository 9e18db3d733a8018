/**
 * A Lease by which nodes agree who does something (coordination.k8s.io/v1): whoever holds it renews it, and another takes it when that has not
 * happened for as long as it says. As client-go does (tools/leaderelection), by one's own clock: those of others may be wrong.
 */
import * as v from 'valibot';

const MAX_LENGTH = 253;

const lease = v.object({
  metadata: v.object({ resourceVersion: v.pipe(v.string(), v.maxLength(MAX_LENGTH)) }),
  spec: v.nullish(
    v.object({
      holderIdentity: v.nullish(v.pipe(v.string(), v.maxLength(MAX_LENGTH)), ''),
      leaseDurationSeconds: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3_600)), 1),
      acquireTime: v.nullish(v.string(), ''),
      renewTime: v.nullish(v.string(), ''),
      leaseTransitions: v.nullish(v.number(), 0),
    }),
  ),
});

export interface LeaseRecord {
  readonly resourceVersion: string;
  /** Empty: nobody. */
  readonly holder: string;
  readonly durationMs: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
}

/** `undefined`: it is none. */
export function readLease(object: unknown): LeaseRecord | undefined {
  const result = v.safeParse(lease, object);
  if (!result.success) return undefined;
  const { metadata, spec } = result.output;
  return {
    resourceVersion: metadata.resourceVersion,
    holder: spec?.holderIdentity ?? '',
    durationMs: (spec?.leaseDurationSeconds ?? 1) * 1_000,
    acquireTime: spec?.acquireTime ?? '',
    renewTime: spec?.renewTime ?? '',
    transitions: spec?.leaseTransitions ?? 0,
  };
}

/** The object for one that `holder` has from now on, or goes on to have. @param before `undefined`: there was none */
export function leaseObject(
  { namespace, name, holder, durationMs }: LeaseWish,
  before: LeaseRecord | undefined,
  nowMs: number,
): object {
  // MicroTime (k8s.io/apimachinery): six digits behind the second.
  const now = new Date(nowMs).toISOString().replace('Z', '000Z');
  const isRenewal = before?.holder === holder;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name, ...(before !== undefined && { resourceVersion: before.resourceVersion }) },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: durationMs / 1_000,
      acquireTime: isRenewal && before.acquireTime !== '' ? before.acquireTime : now,
      renewTime: now,
      leaseTransitions: (before?.transitions ?? 0) + (before === undefined || isRenewal ? 0 : 1),
    },
  };
}

export interface LeaseWish {
  readonly namespace: string;
  readonly name: string;
  /** Who wants it. */
  readonly holder: string;
  readonly durationMs: number;
}
