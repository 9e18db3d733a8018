/**
 * Where on its way a packet can be looked at: one closed list, in the order in which a packet passes.
 *
 *     pod -> from-pod -> route -> encapsulate -> to-underlay            (egress)
 *            from-underlay -> decapsulate -> to-pod -> pod              (ingress)
 *            from-underlay -> relay                                     (ingress, to another peer)
 *            drop: instead of any of them
 *            audit: beside them, in the kernel, where the packet goes on
 *
 * A hook is a small integer on the packet path, and a name everywhere else: in captures, traces, the flight recorder. Names are
 * API: they may be added, never renamed. Numbers are not.
 */

/** Index into {@link hooks}, by the hook's name in camel case. */
export const Hook = {
  fromPod: 0,
  route: 1,
  encapsulate: 2,
  toUnderlay: 3,
  fromUnderlay: 4,
  decapsulate: 5,
  relay: 6,
  toPod: 7,
  drop: 8,
  audit: 9,
} as const;

export type Hook = (typeof Hook)[keyof typeof Hook];

/** What a person should know about a hook. */
export interface HookEntry {
  readonly name: string;
  /** What is seen there: the inner IP packet, or the datagram of the underlay around it. A drop shows what there is. */
  readonly shows: 'inner' | 'outer' | 'either';
  readonly meaning: string;
}

/** The closed list, in the order of {@link Hook}. */
export const hooks: readonly HookEntry[] = [
  { name: 'from-pod', shows: 'inner', meaning: 'as the TUN device gave it, before anything was decided' },
  { name: 'route', shows: 'inner', meaning: 'allowed, with a route, and cut to what its path carries' },
  { name: 'encapsulate', shows: 'outer', meaning: 'inside its VXLAN datagram, about to be sent' },
  { name: 'to-underlay', shows: 'outer', meaning: 'handed to the kernel, which took it' },
  { name: 'from-underlay', shows: 'outer', meaning: 'as the socket gave it, before anything was checked' },
  { name: 'decapsulate', shows: 'inner', meaning: 'out of its datagram, and found good' },
  { name: 'relay', shows: 'outer', meaning: 'passed on to another peer' },
  { name: 'to-pod', shows: 'inner', meaning: 'handed to the TUN device, which took it' },
  { name: 'drop', shows: 'either', meaning: 'goes nowhere, for the reason that stands beside it' },
  { name: 'audit', shows: 'inner', meaning: 'passes, although network policies in audit mode would deny it' },
];

/** The hook of this name, or `undefined`. */
export function hookNamed(name: string): Hook | undefined {
  const index = hooks.findIndex((hook) => hook.name === name);
  return index === -1 ? undefined : (index as Hook);
}
