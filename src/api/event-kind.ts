/** What can happen: one closed list. Kinds are API, and stable; `docs/api.md` has them. */

/** Kind -> what it means. The order is that of display. */
const eventMeanings = {
  'member-joined': 'a node is known that was not known before',
  'member-suspect': 'a node does not answer; it keeps its routes until it is dead',
  'member-alive': 'a node is alive again: it refuted a suspicion, or came back',
  'member-dead': 'a node did not refute the suspicion in time; its routes go',
  'member-left': 'a node ended in order; its routes go',
  'member-forgotten': 'a node is no longer known: by order of an operator, or because it was gone for long',
  'member-announced': 'a node announces something else than before; its routes have a new version',
  'member-address-changed': 'a node is reached at another address',
  'route-added': 'a prefix is routed that was not routed before',
  'route-changed': 'a prefix belongs to another node',
  'route-removed': 'a prefix is no longer routed',
  'way-changed': 'packets for a node go through a relay, or straight again',
  configuration: 'what the daemon was started with, or told to do',
  'key-changed': 'a key of the cluster was added, removed, or made the primary one',
  'underlay-changed': 'this node has another address in the underlay, or its interface there has another name',
  'store-failed': 'the state directory cannot be written: it is full, read-only or gone',
  'store-recovered': 'the state directory can be written again, and everything is stored',
  'traffic-refused': 'a rule of weft in the kernel refused packets of a pod, or of somebody else behind this node',
  'pod-spoofed-source': 'a pod of this node sent under addresses that are not its own, and the kernel dropped it',
  'pod-forgotten': 'the network namespace of a pod was gone for long, and its addresses are free again',
  'policy-unsure':
    'a pod was made before it was known which policies select it: its labels were not known, or no policies',
  'policy-denied': 'network policies deny the packets of a flow, or would in audit mode: told of the first one',
  'policy-changed': 'a network policy was created, changed or deleted',
  'policy-connections-cut':
    'a change of network policies no longer allows some connections, which were cut, or allows some again',
  'balancer-taken': 'this node begins to answer on a link for an address of a load balancer',
  'balancer-given-up': 'this node no longer answers for an address of a load balancer: another does, or nobody has it',
  'fault-added': 'somebody began to inject a fault into the traffic of this node',
  'fault-removed': 'an injected fault has ended',
  'capture-started': 'somebody began to capture packets, here or from here at another node',
  'capture-ended': 'a capture of packets came to its end',
  'names-thread-died': 'what answers the names of pods ended by an error, and was started again',
  'resources-short': 'there was nothing left of something for the daemon: descriptors, processes, memory',
  'audit-repaired': 'an audit found something of ours that was not as it should be, and put it right',
  'audit-contested': 'something of ours is taken away again and again: weft puts it back, less and less often',
  'audit-found': 'an audit found something that it cannot put right',
} as const;

export type EventKind = keyof typeof eventMeanings;

/** All kinds, in order of display. */
export const eventKinds = Object.keys(eventMeanings) as readonly EventKind[];

/** Kinds that `text` stands for: itself, or those of a group (`member`, `route`, `audit`). Empty if there is none. */
export function kindsOf(text: string): readonly EventKind[] {
  return eventKinds.filter((kind) => kind === text || kind.startsWith(`${text}-`));
}
