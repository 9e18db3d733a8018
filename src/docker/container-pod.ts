/** Which pod a container is to be: what its labels say, or whoever attaches it by hand. */
import type { Pod, PodRequest } from '../api/control-api.ts';
import { type PodLabels, problemOfLabels } from '../directory/pod-labels.ts';
import { DEFAULT_NAMESPACE, DNS_LABEL_RULE, isDnsLabel } from '../directory/pod-name.ts';
import { ConfigError, ConflictError } from '../errors.ts';
import { parseIpAddress } from '../wire/address.ts';
import { describeContainer, type Container } from './container.ts';

/** Labels of containers. */
export const ContainerLabel = {
  /** Name of the pod: a container that has it is to be one. */
  pod: 'weft.pod',
  /** Addresses, separated by commas. */
  ip: 'weft.ip',
  /** Node whose pod it is to be. */
  node: 'weft.node',
  namespace: 'weft.namespace',
} as const;

/** Labels of containers that begin with it are those of their pods, without it: policies select by them. */
const POD_LABEL_PREFIX = 'weft.label.';

/** Labels of pods, by which one that was a container is known, and found again. */
const PodLabel = { container: 'weft.docker/container', name: 'weft.docker/name' } as const;

/** Digits of a container's id in a label of its pod: a value has at most 63 characters, and half of the id is unique. */
const ID_DIGITS = 32;

/** More addresses than that are no container's. */
const MAX_ADDRESSES = 16;

/** What somebody says who attaches a container by hand; what is absent, the container's labels say. */
export interface PodChoice {
  readonly name?: string;
  readonly namespace?: string;
  readonly addresses?: readonly string[];
}

/** A pod that a container is to be. */
export interface ContainerPod {
  readonly name: string;
  readonly namespace: string;
  readonly request: PodRequest;
}

/**
 * @throws ConflictError `container-not-running`, `container-has-network`: it cannot be a pod as it is.
 * @throws ConfigError for a name, a namespace, an address or a label that is none; it names the label, or the option.
 */
export function podOfContainer(container: Container, choice: PodChoice = {}): ContainerPod {
  refuseNetwork(container);
  if (!container.isRunning) {
    const message = `${describeContainer(container)} does not run (${container.status}): start it first`;
    throw new ConflictError('container-not-running', message, { container: container.id, status: container.status });
  }
  const { labels } = container;
  const name = choice.name ?? labels[ContainerLabel.pod] ?? container.name;
  const namespace = choice.namespace ?? labels[ContainerLabel.namespace] ?? DEFAULT_NAMESPACE;
  const addresses = choice.addresses ?? addressesIn(labels[ContainerLabel.ip] ?? '');
  checkDnsLabel(container, originOfName(container, choice), name);
  checkDnsLabel(container, choice.namespace === undefined ? ContainerLabel.namespace : '--namespace', namespace);
  checkAddresses(container, choice.addresses === undefined ? ContainerLabel.ip : '--ip', addresses);
  return {
    name,
    namespace,
    request: {
      pid: container.pid,
      namespace,
      labels: podLabels(container),
      ...(addresses.length > 0 && { addresses }),
    },
  };
}

/** Whether a pod was made of the container. */
export function isPodOf({ labels }: Pod, { id }: Pick<Container, 'id'>): boolean {
  return labels[PodLabel.container] === id.slice(0, ID_DIGITS);
}

/** Whether a pod was made of any container. */
export function isContainerPod(pod: Pod): boolean {
  return containerIdOf(pod) !== undefined;
}

/** The beginning of the id of the container that a pod was made of; `undefined`: it was not made of any. */
export function containerIdOf({ labels }: Pod): string | undefined {
  return labels[PodLabel.container];
}

/** Whether a person who names a container, or the beginning of its id, means the one that a pod was made of. */
export function isMeantBy({ labels }: Pod, reference: string): boolean {
  const { [PodLabel.container]: id = '', [PodLabel.name]: name } = labels;
  // As long as an engine shows ids at least: a shorter text is a name.
  const isId = /^[0-9a-f]{12,64}$/.test(reference) && id.startsWith(reference.slice(0, ID_DIGITS));
  return reference !== '' && id !== '' && (name === reference || isId);
}

function podLabels(container: Container): PodLabels {
  const { id, name } = container;
  // A name that is too long for a label is left out: the id is enough to be found by.
  const isValue = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(name);
  const given = Object.entries(container.labels)
    .filter(([key]) => key.startsWith(POD_LABEL_PREFIX))
    .map(([key, value]) => [key.slice(POD_LABEL_PREFIX.length), value] as const);
  const labels = {
    ...Object.fromEntries(given),
    [PodLabel.container]: id.slice(0, ID_DIGITS),
    ...(isValue && { [PodLabel.name]: name }),
  };
  const problem = problemOfLabels(labels);
  if (problem !== undefined)
    throw new ConfigError('', `${describeContainer(container)}: ${POD_LABEL_PREFIX}: ${problem}`, { container: id });
  return labels;
}

function refuseNetwork(container: Container): void {
  const { networkMode, id } = container;
  if (networkMode === 'none') return;
  const refuse = (why: string): never => {
    throw new ConflictError('container-has-network', `${describeContainer(container)} ${why}`, {
      container: id,
      networkMode,
    });
  };
  const shown = JSON.stringify(networkMode.slice(0, 128));
  if (networkMode === 'host')
    refuse('has the network of its host: a pod needs one of its own, so make it with network_mode: none');
  if (networkMode.startsWith('container:'))
    refuse(`has the network of another container (${shown}): attach that one, and both are in the pod`);
  refuse(
    `has a network of its engine already (${shown}): make it with network_mode: none, and weft gives it its only one`,
  );
}

function originOfName({ labels }: Container, { name }: PodChoice): string {
  if (name !== undefined) return '--name';
  return labels[ContainerLabel.pod] === undefined ? 'its name, in place of --name,' : ContainerLabel.pod;
}

function checkDnsLabel(container: Container, origin: string, text: string): void {
  if (isDnsLabel(text)) return;
  const shown = JSON.stringify(text.slice(0, 128));
  throw new ConfigError('', `${describeContainer(container)}: ${origin} is ${shown}, and must be ${DNS_LABEL_RULE}`, {
    container: container.id,
  });
}

function addressesIn(text: string): string[] {
  return text
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
}

function checkAddresses(container: Container, origin: string, addresses: readonly string[]): void {
  const wrong = addresses.find((address) => parseIpAddress(address) === undefined);
  const problem =
    addresses.length > MAX_ADDRESSES
      ? `has ${addresses.length} addresses, and at most ${MAX_ADDRESSES} are taken`
      : wrong !== undefined && `has ${JSON.stringify(wrong.slice(0, 64))}, which is not an IP address`;
  if (problem === false) return;
  throw new ConfigError('', `${describeContainer(container)}: ${origin} ${problem}`, { container: container.id });
}
