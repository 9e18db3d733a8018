/** What a client wants of an interface of a container, checked. */
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import type { AttachmentCheckRequest, AttachmentKey, AttachRequest } from '../../api/cni-api.ts';
import { parseBody } from '../doors/control-exchange.ts';
import { parseKeys, refuseUnknownKeys } from '../doors/request-keys.ts';
import { parsePodRequest } from '../pods/pod-request.ts';
import type { WantedAttachment } from '../pods/wanted-attachment.ts';
import { attachmentName } from './attachment-name.ts';

/** Longest id of a container, and longest name of a network. Both go into the journal, and the id into the alias of a device. */
const MAX_LENGTH = 160;

/** Of the specification, for both. */
const WORD = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

const text = v.string('is not text');

const key = { cniNetwork: text, containerId: text, interface: text };

const attachRequest = v.strictObject({
  ...key,
  netns: text,
  podName: v.exactOptional(text),
  podNamespace: v.exactOptional(text),
  podUid: v.exactOptional(text),
  addresses: v.exactOptional(v.array(text, 'is not a list')),
  mac: v.exactOptional(text),
  alongside: v.exactOptional(v.boolean('is neither true nor false')),
});

const checkRequest = v.strictObject({
  ...key,
  netns: text,
  addresses: v.exactOptional(v.array(text, 'is not a list')),
});

/** Body of `POST /v1/attachments`. @throws ConfigError naming the key that is wrong. */
export function parseAttachRequest(body: string): WantedAttachment {
  const request: AttachRequest = parseKeys(attachRequest, parseBody(body));
  const { cniNetwork, containerId } = checkedKey(request);
  const { netns, interface: device, addresses, mac, podName, podNamespace, podUid, alongside } = request;
  if (podUid !== undefined) checkWord('podUid', podUid);
  const { name, namespace, givenName } = attachmentName(containerId, podName, podNamespace);
  const wish = parsePodRequest(name, {
    namespace,
    netns,
    device,
    ...(addresses !== undefined && { addresses }),
    ...(mac !== undefined && { mac }),
  });
  const attachment = {
    containerId,
    cniNetwork,
    ...(givenName !== undefined && { givenName }),
    ...(podUid !== undefined && { podUid }),
    ...(alongside === true && { alongside }),
  };
  return { name, wish, attachment };
}

/** Body of `POST /v1/attachments/check`. @throws ConfigError naming the key that is wrong. */
export function parseCheckRequest(body: string): AttachmentCheckRequest {
  const request = parseKeys(checkRequest, parseBody(body));
  return { ...request, ...checkedKey(request) };
}

const queryKeys: readonly (keyof AttachmentKey)[] = ['cniNetwork', 'containerId', 'interface'];

/** Query of `DELETE /v1/attachments`. @throws ConfigError naming the key that is wrong. */
export function parseAttachmentKey(query: URLSearchParams): AttachmentKey {
  refuseUnknownKeys(query, queryKeys);
  const [cniNetwork, containerId, name] = queryKeys.map((one) => query.get(one) ?? '');
  return checkedKey({ cniNetwork: cniNetwork!, containerId: containerId!, interface: name! });
}

function checkedKey({ cniNetwork, containerId, interface: name }: AttachmentKey): AttachmentKey {
  checkWord('cniNetwork', cniNetwork);
  checkWord('containerId', containerId);
  if (name === '') throw new ConfigError('interface', 'is missing');
  return { cniNetwork, containerId, interface: name };
}

function checkWord(path: string, value: string): void {
  if (WORD.test(value) && value.length <= MAX_LENGTH) return;
  const rule = `1 to ${MAX_LENGTH} letters, digits, dots, hyphens and underscores, the first a letter or digit`;
  throw new ConfigError(path, `${JSON.stringify(value.slice(0, MAX_LENGTH))} is none: ${rule}`);
}
