/** What weft knows of a pod beyond its lease, and keeps over a restart. */
import { problemOfLabels, type PodLabels } from '../../directory/pod-labels.ts';
import { DEFAULT_NAMESPACE } from '../../directory/pod-name.ts';
import { formatPrefix, parsePrefix, type Prefix } from '../../wire/prefix.ts';
import type { Notice } from '../../api/control-api.ts';
import { hostDeviceName, isHostDeviceName, macOfPod } from '../host/pod-devices.ts';
import { keyOf, POD_DEVICE, type PodAttachment, type PodIdentity } from './pod-key.ts';

/**
 *   adding ──> ready ──> removing ──> (forgotten)
 *      └───── rolled back ──────────────┘
 *
 * A record is stored before anything is made and forgotten after all is gone, so a crash leaves nothing that no record knows.
 */
export type PodPhase = 'adding' | 'ready' | 'removing';

export interface PodRecord extends PodIdentity {
  /** Absent: none. */
  readonly labels?: PodLabels;
  readonly network: string;
  readonly phase: PodPhase;
  readonly netns: string;
  /** Of {@link NamespaceFile}; empty while a namespace of our own is being made. */
  readonly netnsIdentity: string;
  /** The namespace is our own: it goes when the pod goes. */
  readonly ownsNetns: boolean;
  /** Prefixes that it may send from besides its addresses. Absent: none, as in records of earlier versions. */
  readonly allowSources?: readonly string[];
  /** Absent: its default routes lead through weft. False for a further interface of a container. */
  readonly hasDefaultRoute?: false;
  readonly mac: string;
  readonly hostDevice: string;
  readonly createdAt: string;
  readonly notices: readonly Notice[];
}

/** What a pod is to be. */
export interface WantedPod {
  readonly name: string;
  readonly namespace: string;
  readonly labels: PodLabels;
  readonly device: string;
  readonly attachment?: PodAttachment | undefined;
  readonly hasDefaultRoute: boolean;
  readonly network: string;
  readonly place: Pick<PodRecord, 'netns' | 'netnsIdentity' | 'ownsNetns'>;
  readonly allowSources: readonly Prefix[];
  /** Absent: one made from its key. */
  readonly mac: string | undefined;
}

/** The record of a new pod, that is about to be made. @param others pods that there are already. */
export function newPodRecord(wanted: WantedPod, others: readonly PodRecord[], nowMs: number): PodRecord {
  const { name, namespace, labels, device, attachment, network, place, hasDefaultRoute, allowSources, mac } = wanted;
  const identity = {
    name,
    ...(namespace !== DEFAULT_NAMESPACE && { namespace }),
    ...(device !== POD_DEVICE && { device }),
    ...(attachment !== undefined && { attachment }),
  };
  const key = keyOf(identity);
  return {
    ...identity,
    ...(Object.keys(labels).length > 0 && { labels }),
    network,
    phase: 'adding',
    ...place,
    ...(!hasDefaultRoute && { hasDefaultRoute }),
    ...(allowSources.length > 0 && { allowSources: allowSources.map(formatPrefix) }),
    mac: mac ?? macOfPod(network, key, 'pod'),
    hostDevice: hostDeviceName(network, key, new Set(others.map(({ hostDevice }) => hostDevice))),
    createdAt: new Date(nowMs).toISOString(),
    notices: [],
  };
}

/** The stored record, `undefined` if the value is no such thing. */
export function parsePodRecord(document: unknown): PodRecord | undefined {
  return isRecord(document as Partial<PodRecord> | null) ? (document as PodRecord) : undefined;
}

function isRecord(value: Partial<PodRecord> | null | undefined): boolean {
  const texts = [value?.name, value?.network, value?.netns, value?.netnsIdentity, value?.mac, value?.createdAt];
  return (
    texts.every((text) => typeof text === 'string') &&
    ['adding', 'ready', 'removing'].includes(value?.phase ?? '') &&
    typeof value?.ownsNetns === 'boolean' &&
    isHostDeviceName(value.hostDevice ?? '') &&
    Array.isArray(value.notices) &&
    areSources(value.allowSources ?? []) &&
    [value.namespace, value.device].every((text) => text === undefined || typeof text === 'string') &&
    (value.hasDefaultRoute === undefined || !value.hasDefaultRoute) &&
    (value.labels === undefined || areLabels(value.labels)) &&
    (value.attachment === undefined || isAttachment(value.attachment))
  );
}

function areLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const labels = value as Record<string, unknown>;
  if (Object.values(labels).some((text) => typeof text !== 'string')) return false;
  return problemOfLabels(labels as PodLabels) === undefined;
}

function isAttachment(value: Partial<PodAttachment> | null): boolean {
  const texts = [value?.containerId, value?.cniNetwork, value?.podUid ?? ''];
  return texts.every((text) => typeof text === 'string') && (value?.alongside === undefined || value.alongside);
}

function areSources(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string' && parsePrefix(text) !== undefined);
}
