/** The audit of each minute, and beside it the ear at the kernel that has what is weft's put right at once. */
import type { Logger } from '../../env/logger.ts';
import type { Config } from '../config/config.ts';
import type { EventSink } from '../event-log.ts';
import type { UnderlayWatch } from '../underlay/underlay-watch.ts';
import { Audit, type AuditedPart } from './audit.ts';
import { type AuditedDaemon, auditedParts } from './audited-parts.ts';
import { KernelChangeSockets } from '../../linux/kernel-change-sockets.ts';
import { KernelWatch } from './kernel-watch.ts';
import { concernsUs, type OwnThings, subjectOf } from './own-changes.ts';
import { isOwnProgram } from '../../linux/command.ts';
import { processAtRoutePort } from '../../linux/route-port.ts';
import { ChangeAuthors } from './change-authors.ts';

export interface ComposedAuditOptions {
  readonly config: Config;
  readonly daemon: AuditedDaemon;
  readonly own: OwnThings;
  readonly follower: UnderlayWatch;
  readonly events: EventSink;
  readonly logger: Logger;
}

/** Does the first round, and goes on until `opened` is disposed. */
export async function composeAudit(opened: AsyncDisposableStack, options: ComposedAuditOptions): Promise<Audit> {
  const { config, daemon, own, follower, events, logger } = options;
  const authors = new ChangeAuthors({
    subjectOf: (change) => subjectOf(change, own),
    isOwn: isOwnProgram,
    find: processAtRoutePort,
    nowMs: () => performance.now(),
  });
  let ear: KernelWatch | undefined;
  const parts = auditedParts(daemon);
  const audit = await Audit.start({
    parts: { ...parts, kernel: hearingFirst(parts.kernel, () => ear?.hear()) },
    authors,
    events,
    logger,
    wallClockMs: Date.now,
    onRound: async () => {
      await daemon.watch.look();
      await daemon.pods.retryBinding();
    },
  });
  opened.defer(() => audit.stop());
  ear = config.audit.watch
    ? new KernelWatch({
        open: () => new KernelChangeSockets(),
        concernsUs: (change) => concernsUs(change, own),
        onChanges: (changes) => authors.hear(changes),
        tend: () => audit.tend(),
        onOtherLink: () => follower.hear(),
        logger,
        nowMs: () => performance.now(),
      })
    : undefined;
  opened.defer(() => ear?.stop());
  return audit;
}

/** What is missing may have been taken away a moment ago, while something else was looked at: who did it is heard before it is put back. */
export function hearingFirst(part: AuditedPart, hear: () => void): AuditedPart {
  return {
    inspect: (trigger) => part.inspect(trigger),
    repair: () => {
      hear();
      return part.repair();
    },
  };
}
