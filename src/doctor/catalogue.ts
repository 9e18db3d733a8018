/** All checks, in the order in which a person would look. `docs/doctor.md` has a line for every finding of theirs. */
import type { Check, Scope } from './check.ts';
import { accounts } from './checks/accounts.ts';
import { checksums } from './checks/checksums.ts';
import { claims } from './checks/claims.ts';
import { clocks } from './checks/clocks.ts';
import { daemon } from './checks/daemon.ts';
import { dataPath } from './checks/data-path.ts';
import { drops } from './checks/drops.ts';
import { foreignRules } from './checks/foreign-rules.ts';
import { forwardPolicy } from './checks/forward-policy.ts';
import { gossipPath } from './checks/gossip-path.ts';
import { kernelFeatures } from './checks/kernel-features.ts';
import { kernelParameters } from './checks/kernel-parameters.ts';
import { kernelState } from './checks/kernel-state.ts';
import { kernelWays } from './checks/kernel-ways.ts';
import { kubernetesPods } from './checks/kubernetes-pods.ts';
import { leaseStore } from './checks/lease-store.ts';
import { localSends } from './checks/local-sends.ts';
import { machine } from './checks/machine.ts';
import { members } from './checks/members.ts';
import { noticesBeside } from './checks/notices.ts';
import { overload } from './checks/overload.ts';
import { peerAddresses } from './checks/peer-addresses.ts';
import { podsInside } from './checks/pods-inside.ts';
import { policyClients } from './checks/policy-clients.ts';
import { policyDns } from './checks/policy-dns.ts';
import { policyEnforcement } from './checks/policy-enforcement.ts';
import { policyPeers } from './checks/policy-peers.ts';
import { policyPorts } from './checks/policy-ports.ts';
import { policySubjects } from './checks/policy-subjects.ts';
import { prefixOverlap } from './checks/prefix-overlap.ts';
import { resources } from './checks/resources.ts';
import { refusedTraffic } from './checks/refused-traffic.ts';
import { serviceAddresses } from './checks/service-addresses.ts';
import { serviceBackends } from './checks/service-backends.ts';
import { serviceBalancers } from './checks/service-balancers.ts';
import { serviceEnforcement } from './checks/service-enforcement.ts';
import { serviceProxies } from './checks/service-proxies.ts';
import { serviceRoom } from './checks/service-room.ts';
import { strangers } from './checks/strangers.ts';
import { underlayChoice } from './checks/underlay-choice.ts';
import { underlayMtu } from './checks/underlay-mtu.ts';
import { versions } from './checks/versions.ts';

const checks = {
  machine,
  daemon,
  resources,
  'forward-policy': forwardPolicy,
  'foreign-rules': foreignRules,
  'kernel-features': kernelFeatures,
  'kernel-parameters': kernelParameters,
  'kernel-state': kernelState,
  'kernel-ways': kernelWays,
  'pods-inside': podsInside,
  'prefix-overlap': prefixOverlap,
  'kubernetes-pods': kubernetesPods,
  'policy-enforcement': policyEnforcement,
  'policy-subjects': policySubjects,
  'policy-peers': policyPeers,
  'policy-ports': policyPorts,
  'policy-dns': policyDns,
  'policy-clients': policyClients,
  'service-enforcement': serviceEnforcement,
  'service-backends': serviceBackends,
  'service-addresses': serviceAddresses,
  'service-balancers': serviceBalancers,
  'service-room': serviceRoom,
  'service-proxies': serviceProxies,
  'underlay-choice': underlayChoice,
  'underlay-mtu': underlayMtu,
  'local-sends': localSends,
  'peer-addresses': peerAddresses,
  'data-path': dataPath,
  'gossip-path': gossipPath,
  members,
  claims,
  versions,
  clocks,
  'lease-store': leaseStore,
  checksums,
  strangers,
  'refused-traffic': refusedTraffic,
  drops,
  overload,
  accounts,
} as const satisfies Readonly<Record<string, Check>>;

/** Notices about which a check speaks under another id. */
const spokenOf: readonly string[] = ['underlay-mtu-changed'];

const ids = new Set(Object.values(checks).flatMap(({ finds }) => Object.keys(finds)));

/** Check by name. */
export const catalogue: Readonly<Record<string, Check>> = {
  ...checks,
  notices: noticesBeside((code) => ids.has(code) || spokenOf.includes(code)),
};

const kinds = new Map(Object.values(catalogue).flatMap(({ finds }) => Object.entries(finds)));

/** Ids of the findings that may bring one about; none for an id of another version of weft. */
export function causesOf(id: string): readonly string[] {
  return kinds.get(id)?.follows ?? [];
}

/** What a finding is about; `undefined`: the node that finds it, or an id of another version of weft. */
export function scopeOf(id: string): Scope | undefined {
  return kinds.get(id)?.scope;
}
