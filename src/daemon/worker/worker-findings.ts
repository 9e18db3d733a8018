/** The table that workers forward by, read back as they read it, against what it was made from. */
import type { ForwardingPeer, ForwardingRoute, ForwardingState } from '../../dataplane/forwarding-state.ts';
import type { ForwardingReader } from '../../dataplane/forwarding-table.ts';
import { formatEndpoint, formatMacAddress } from '../../wire/address.ts';
import { formatPrefix } from '../../wire/prefix.ts';
import type { Finding } from '../audit/audit-finding.ts';

/** @param reader that has entered the current state. */
export function workerFindings(wanted: ForwardingState, reader: ForwardingReader): Finding[] {
  return [...routesOff(wanted, reader), ...peersOff(wanted, reader)];
}

/** What is right is only looked up: with ten thousands of routes, an audit must not keep gossip waiting. */
function routesOff({ routes }: ForwardingState, reader: ForwardingReader): Finding[] {
  const findings: Finding[] = [];
  let present = 0;
  for (const { prefix, peer } of routes) {
    const found = reader.find(prefix);
    if (found !== -1) present++;
    if (found === peer) continue;
    const subject = formatPrefix(prefix);
    if (found === -1) {
      findings.push({ problem: 'missing', subject, message: `workers have no route to ${subject}` });
    } else {
      const message = `workers send packets for ${subject} to ${peerOf(found)}, and not to ${peerOf(peer)}`;
      findings.push({ problem: 'wrong', subject, message });
    }
  }
  return reader.count() === present ? findings : [...findings, ...routesTooMany(routes, reader)];
}

function routesTooMany(routes: readonly ForwardingRoute[], reader: ForwardingReader): Finding[] {
  const wanted = new Set(routes.map(({ prefix }) => formatPrefix(prefix)));
  return [...reader.routes()].flatMap(({ prefix, peer }): Finding[] => {
    const subject = formatPrefix(prefix);
    const message = `workers have a route to ${subject}, at ${peerOf(peer)}`;
    return wanted.has(subject) ? [] : [{ problem: 'stale', subject, message }];
  });
}

function peersOff({ mac, peers, relays }: ForwardingState, reader: ForwardingReader): Finding[] {
  const senders = new Set(reader.senders());
  const findings: Finding[] = [];
  if (!reader.hasMac(0, mac, 0)) {
    findings.push({ problem: 'wrong', subject: peerOf(0), message: 'workers have another MAC address for this node' });
  }
  if (reader.relays !== relays) {
    const message = `workers ${reader.relays ? 'relay' : 'do not relay'} for others, and ${relays ? 'should' : 'should not'}`;
    findings.push({ problem: 'wrong', subject: peerOf(0), message });
  }
  for (const peer of peers) {
    const subject = peerOf(peer.index);
    if (peer.via === undefined && !senders.delete(peer.index)) {
      const message = `workers accept nothing from ${subject}, ${formatEndpoint(peer.endpoint)}`;
      findings.push({ problem: 'missing', subject, message });
      continue;
    }
    const wants = describe(peer);
    const has = describe(peerIn(reader, peer.index));
    if (wants === has) continue;
    findings.push({ problem: 'wrong', subject, message: `workers have ${subject} with ${has}, and not with ${wants}` });
  }
  for (const index of senders) {
    const subject = peerOf(index);
    findings.push({ problem: 'stale', subject, message: `workers accept packets from ${subject}, which is gone` });
  }
  return findings;
}

type DescribedPeer = Omit<ForwardingPeer, 'via'> & { readonly via?: { readonly target: number } };

function peerIn(reader: ForwardingReader, index: number): DescribedPeer {
  const family = reader.endpointFamily(index);
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  reader.copyEndpointAddress(index, bytes, 0);
  const mac = new Uint8Array(6);
  reader.writeMac(index, mac, 0);
  const target = reader.targetOf(index);
  return {
    index,
    endpoint: { address: { family, bytes }, port: reader.endpointPort(index) },
    mac,
    mtuBytes: reader.mtuOf(index),
    remoteChecksum: reader.hasRemoteChecksum(index),
    mayRelay: reader.mayRelay(index),
    mayAskRelay: reader.mayAskRelay(index),
    ...(target !== index && { via: { target } }),
  };
}

function describe(peer: DescribedPeer): string {
  const { endpoint, mac, mtuBytes, remoteChecksum, mayRelay, mayAskRelay, via } = peer;
  return [
    formatEndpoint(endpoint),
    `MAC ${formatMacAddress(mac)}`,
    `MTU ${mtuBytes}`,
    ...(remoteChecksum ? ['remote checksum'] : []),
    ...(mayRelay ? ['relays'] : []),
    ...(mayAskRelay ? ['may ask to relay'] : []),
    ...(via === undefined ? [] : [`as the way to ${peerOf(via.target)}`]),
  ].join(', ');
}

function peerOf(index: number): string {
  return index === 0 ? 'this node' : `peer ${index}`;
}
