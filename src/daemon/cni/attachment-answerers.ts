/** What the control API answers to the CNI plugin; `docs/api.md` documents each path. */
import type {
  Attached,
  AttachmentCheck,
  AttachmentCheckRequest,
  AttachmentKey,
  AttachmentStatus,
} from '../../api/cni-api.ts';
import { parseClientPid } from '../doors/client-pid.ts';
import type { Answerers } from '../doors/control-exchange.ts';
import type { WantedAttachment } from '../pods/wanted-attachment.ts';
import { parseAttachmentKey, parseAttachRequest, parseCheckRequest } from './attachment-request.ts';

/** What the control server asks of {@link Attachments}. */
export interface AttachmentHandlers {
  addAttachment(wanted: WantedAttachment, clientPid?: number): Promise<Attached>;
  removeAttachment(key: AttachmentKey): Promise<boolean>;
  attachments(): readonly AttachmentKey[];
  checkAttachment(request: AttachmentCheckRequest, clientPid?: number): Promise<AttachmentCheck>;
  attachmentStatus(): AttachmentStatus;
}

export const attachmentAnswerers: Answerers<AttachmentHandlers> = {
  'GET /v1/attachments': (handlers) => ({ json: handlers.attachments() }),
  'GET /v1/attachments/status': (handlers) => ({ json: handlers.attachmentStatus() }),
  'POST /v1/attachments': async (handlers, { body, clientPid }) => ({
    json: await handlers.addAttachment(parseAttachRequest(body), parseClientPid(clientPid)),
  }),
  'DELETE /v1/attachments': async (handlers, { query }) => ({
    json: { removed: await handlers.removeAttachment(parseAttachmentKey(query)) },
  }),
  'POST /v1/attachments/check': async (handlers, { body, clientPid }) => ({
    json: await handlers.checkAttachment(parseCheckRequest(body), parseClientPid(clientPid)),
  }),
};
