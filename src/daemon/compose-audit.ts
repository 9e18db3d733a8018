/** The audit of each minute, and beside it the ear at the kernel that has what is weft's put right at once. */
import type { UnderlayWatch } from './underlay/underlay-watch.ts';
import { Audit } from './audit/audit.ts';
import { type AuditedDaemon, auditedParts } from './audited-parts.ts';
import type { Composition } from './composition.ts';
import type { ThisNode } from './this-node.ts';
import { KernelChangeSockets } from '../linux/kernel-change-sockets.ts';
import { hearingFirst, KernelWatch } from './audit/kernel-watch.ts';
import { concernsUs, type OwnThings, subjectOf } from './host/own-changes.ts';
import { isOwnPort } from '../linux/own-ports.ts';
import { processAtRoutePort } from '../linux/route-port.ts';
import { ChangeAuthors } from './audit/change-authors.ts';
import type { NftChanges } from './audit/nft-changes.ts';

export interface AuditParts extends AuditedDaemon {
  readonly node: ThisNode;
  /** Is told what changes in nftables. */
  readonly nftChanges: NftChanges;
  readonly follower: UnderlayWatch;
}

/** Does the first round, and goes on until the daemon ends. */
export async function composeAudit(
  { config, events, logger, opened }: Composition,
  { node, nftChanges, follower, ...daemon }: AuditParts,
): Promise<Audit> {
  const own: OwnThings = {
    tunDevice: config.tun.device,
    mtuBytes: node.deviceMtuBytes,
    nodeAddresses: node.nodeAddresses,
    clusterPrefixes: config.clusterPrefixes,
  };
  const authors = new ChangeAuthors({
    subjectOf: (change) => subjectOf(change, own),
    isOwn: isOwnPort,
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
      await daemon.host.watch.look();
      await daemon.pods.retryBinding();
      await daemon.policy?.policies.retry();
      await daemon.services?.services.retry();
    },
  });
  opened.defer(() => audit.stop());
  ear = config.audit.watch
    ? new KernelWatch({
        open: () => new KernelChangeSockets(),
        concernsUs: (change) => concernsUs(change, own),
        onChanges: (changes, isComplete) => {
          authors.hear(changes);
          nftChanges.hear(changes, isComplete);
        },
        isBusy: () => daemon.pods.isChanging,
        tend: () => audit.tend(),
        onOtherLink: () => follower.hear(),
        logger,
        nowMs: () => performance.now(),
      })
    : undefined;
  nftChanges.hearBy(() => ear?.hear());
  opened.defer(() => ear?.stop());
  return audit;
}
