/** The doctor and what lies between nodes: links, devices, addresses and sizes of the underlay, and what gets lost on it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { DoctorLab, testFaults } from '../support/doctor-lab.ts';

const place = new DoctorLab();

test.before(async () => place.up());
test.after.always(async () => place.down());

const ip = async (...args: readonly string[]) => place.inNode('n1', 'ip', ...args);
const lab = async (verb: string, ...args: readonly string[]) => place.lab.lab(verb, ...args);
const drop = (match: string) => async () => place.drop(match);
const dropNothing = async () => place.dropNothing();

/** Percent of the answers of n3 that were lost before every fourth packet to it was: late on a busy machine, they count for minutes. */
let lostBackBefore = 0;

async function noteLostBack(): Promise<void> {
  const { path, directPath } = (await place.lab.control('n1').peers()).find(({ name }) => name === 'n3')!;
  lostBackBefore = Math.round(((directPath ?? path).lossInRatio ?? 0) * 100);
}

/** Some of what was sent now is lost; and what is on the way there is not taken for a loss on the way back. */
function isLostOnTheWayThere(said: string): boolean {
  const words =
    /^\d+ of 50 datagrams that were sent straight to n3 .* not answered; of the probes of the last minutes (?:none was lost|(\d+) % did not arrive there, and of the answers (\d+) % did not arrive here)/;
  const [all, there = 0, back = 0] = words.exec(said) ?? [];
  return all !== undefined && Number(back) <= Math.max(Number(there), lostBackBefore);
}

testFaults(place, {
  // The first one: next to nothing was lost before.
  'a way on which every fourth packet is lost': {
    id: 'path-lossy',
    prepare: async () => {
      await noteLostBack();
      await place.drop('iifname "n1" oifname "n3" udp dport 4789 numgen inc mod 4 == 0');
    },
    heal: dropNothing,
    evidence: isLostOnTheWayThere,
  },
  'VXLAN that is eaten on the way': {
    id: 'vxlan-eaten',
    seed: drop('iifname "n1" oifname "n3" udp dport 4789'),
    heal: dropNothing,
    evidence: /50 datagrams were sent straight to n3 .* and it saw 0/,
  },
  'VXLAN that is eaten on the way back': {
    id: 'vxlan-eaten',
    seed: drop('iifname "n3" oifname "n1" udp dport 4789'),
    heal: dropNothing,
    evidence: /50 datagrams were sent straight to n3 .* received [1-9]\d* .* no answer came back/,
  },
  'gossip that passes in one direction only': {
    id: 'gossip-one-way',
    seed: drop('iifname "n3" oifname "n1" udp dport 7948'),
    heal: dropNothing,
    evidence: /probes of n3/,
  },
  'a link that is cut': {
    id: 'path-cut',
    seed: async () => lab('cut', 'n1', 'n3'),
    heal: async () => lab('heal', 'n1', 'n3'),
    evidence: /n3/,
  },
  'a route that leads to another node through the wrong device': {
    id: 'underlay-wrong-interface',
    seed: async () => {
      await ip('link', 'add', 'eth9', 'type', 'veth', 'peer', 'eth9-end');
      await ip('link', 'set', 'eth9-end', 'up');
      await ip('link', 'set', 'eth9', 'up');
      await ip('route', 'replace', '198.18.0.3', 'dev', 'eth9');
    },
    heal: async () => ip('link', 'delete', 'eth9'),
    evidence: /weft uses 198\.18\.0\.1 of eth0[^]*n3 .* leads through eth9/,
  },
  'an underlay address that is gone': {
    id: 'underlay-lost',
    seed: async () => lab('address', 'n1', 'none'),
    heal: async () => lab('address', 'n1', '198.18.0.1'),
  },
  'an underlay device of another MTU': {
    id: 'underlay-mtu-changed',
    seed: async () => ip('link', 'set', 'eth0', 'mtu', '1400'),
    heal: async () => {
      await ip('link', 'set', 'eth0', 'mtu', '1500');
      await place.restart('n1');
    },
    evidence: /1400.*1500/,
  },
  'an underlay MTU that the device does not have': {
    id: 'underlay-mtu-too-large',
    prepare: async () => place.configure(({ underlay }) => ({ underlay: { ...(underlay as object), mtu: 1600 } })),
    heal: async () => place.asBefore('n1'),
    evidence: /1600.*1500/,
  },
  'a path that carries less than its ends': {
    id: 'path-mtu-small',
    prepare: async () => {
      await place.inNode('switch', 'ip', 'link', 'set', 'n3', 'mtu', '1400');
      await place.restart('n3');
    },
    heal: async () => {
      await place.inNode('switch', 'ip', 'link', 'set', 'n3', 'mtu', '1500');
      await Promise.all([place.restart('n1'), place.restart('n3')]);
    },
    evidence: /to n3 .* inner packets of \d+ bytes pass/,
  },
  'packets that are damaged on the way': {
    id: 'offload-corrupts',
    prepare: async () =>
      (await place.lab.tryAsk('n3', 'fault', 'add', '--peer', 'n1', '--corrupt', '60%', '--seed', '7')).succeeded(),
    seed: async () => place.inNode('n3-p1', 'ping', '-n', '-q', '-c', '20', '-i', '0.02', '-W', '1', '10.244.1.2'),
    heal: async () => place.lab.tryAsk('n3', 'fault', 'rm', '--all'),
    evidence: /dropped as inner-bad-/,
  },
  'faults that somebody injects here': {
    id: 'faults-injected',
    prepare: async () => (await place.lab.tryAsk('n1', 'fault', 'add', '--peer', 'n3', '--loss', '100%')).succeeded(),
    heal: async () => place.lab.tryAsk('n1', 'fault', 'rm', '--all'),
  },
  'a node that starts while nobody can be reached': {
    id: 'gossip-alone',
    prepare: async () => {
      await lab('stop', 'n1');
      await lab('cut', 'n1', 'n2');
      await lab('cut', 'n1', 'n3');
      rmSync(join(place.lab.files('n1').stateDir, 'members.json'), { force: true });
      await lab('start', 'n1');
    },
    heal: async () => {
      await lab('heal', 'n1', 'n2');
      await lab('heal', 'n1', 'n3');
    },
    evidence: /no seed has answered/,
  },
});
