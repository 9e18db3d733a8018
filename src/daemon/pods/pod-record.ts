/** What weft knows of a pod beyond its lease, and keeps over a restart. */
import { formatPrefix, parsePrefix, type Prefix } from '../../wire/prefix.ts';
import type { Notice } from '../../api/control-api.ts';
import { hostDeviceName, isHostDeviceName, macOfPod } from '../host/pod-devices.ts';

/**
 *   adding ──> ready ──> removing ──> (forgotten)
 *      └───── rolled back ──────────────┘
 *
 * A record is stored before anything is made and forgotten after all is gone, so a crash leaves nothing that no record knows.
 */
export type PodPhase = 'adding' | 'ready' | 'removing';

export interface PodRecord {
  readonly name: string;
  readonly network: string;
  readonly phase: PodPhase;
  readonly netns: string;
  /** Of {@link NamespaceFile}; empty while a namespace of our own is being made. */
  readonly netnsIdentity: string;
  /** The namespace is our own: it goes when the pod goes. */
  readonly ownsNetns: boolean;
  /** Prefixes that it may send from besides its addresses. Absent: none, as in records of earlier versions. */
  readonly allowSources?: readonly string[];
  readonly mac: string;
  readonly hostDevice: string;
  readonly createdAt: string;
  readonly notices: readonly Notice[];
}

/** What a pod is to be. */
export interface WantedPod {
  readonly name: string;
  readonly network: string;
  readonly place: Pick<PodRecord, 'netns' | 'netnsIdentity' | 'ownsNetns'>;
  readonly allowSources: readonly Prefix[];
  /** Absent: one made from its name. */
  readonly mac: string | undefined;
}

/** The record of a new pod, that is about to be made. @param others pods that there are already. */
export function newPodRecord(wanted: WantedPod, others: readonly PodRecord[], nowMs: number): PodRecord {
  const { name, network, place, allowSources, mac } = wanted;
  return {
    name,
    network,
    phase: 'adding',
    ...place,
    ...(allowSources.length > 0 && { allowSources: allowSources.map(formatPrefix) }),
    mac: mac ?? macOfPod(network, name, 'pod'),
    hostDevice: hostDeviceName(network, name, new Set(others.map(({ hostDevice }) => hostDevice))),
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
    areSources(value.allowSources ?? [])
  );
}

function areSources(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string' && parsePrefix(text) !== undefined);
}
