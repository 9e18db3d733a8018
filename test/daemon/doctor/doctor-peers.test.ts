import { networkInterfaces } from 'node:os';
import test from 'ava';
import type { Peer } from '../../../src/api/control-api.ts';
import { type DoctorPeersOptions, inspectPeers, ownAddresses } from '../../../src/daemon/doctor/doctor-peers.ts';
import { WeftError } from '../../../src/errors.ts';
import { fixedPeers } from '../../support/fixed-handlers.ts';

const [first] = fixedPeers;
// A documentation address: no route of this machine leads there but the default one, if there is any.
const peer: Peer = { ...first!, name: 'n2', state: 'alive', endpoint: '192.0.2.2:4789', relay: '', directPath: null };

/** Peers that see one datagram more each time they are asked. */
function world(changes: Partial<DoctorPeersOptions>): DoctorPeersOptions & { probed: string[]; asked: string[] } {
  const asked: string[] = [];
  const probed: string[] = [];
  return {
    probed,
    asked,
    canAsk: true,
    peers: () => [peer],
    translationsOf: () => [],
    mtuBytes: 1_450,
    probe: async (identity) => {
      probed.push(identity);
      return Promise.resolve(true);
    },
    remote: {
      ask: async <Answer>(node: string) => {
        asked.push(node);
        return Promise.resolve({ vxlanPort: 4_789, vni: 42, seen: asked.length } as Answer);
      },
      clockOffset: async () => Promise.resolve({ offsetNs: 2_000_000, uncertaintyNs: 300_000 }),
    },
    ...changes,
  };
}

test('a peer that answers is tried briefly, and asked once', async (t) => {
  const made = world({});
  const [facts] = await inspectPeers(made);
  t.like(facts, { name: 'n2', announcedMtuBytes: Math.min(peer.mtuBytes, 1_450), trial: { sent: 20, answered: 20 } });
  t.like(facts!.said, { vni: 42, clockOffsetMs: 2, clockUncertaintyMs: 0.3 });
  t.deepEqual([made.probed.length, made.asked.length], [20, 1]);
});

test('one that does not answer is tried more often, and says how much of that it saw', async (t) => {
  const made = world({ probe: async () => Promise.resolve(false) });
  const [facts] = await inspectPeers(made);
  t.deepEqual(facts!.trial, { sent: 50, answered: 0 });
  t.like(facts!.said, { seen: 1 });
});

test('one that answers now, but whose probes were lost before, is tried more often, too', async (t) => {
  const direct = { ...peer.path, lossRatio: 0.1, lossOutRatio: 0.08, lossInRatio: 0.02 };
  let probes = 0;
  const [facts] = await inspectPeers(
    world({
      peers: () => [{ ...peer, relay: 'n3', directPath: direct }],
      probe: async () => Promise.resolve(probes++ < 20 || probes % 10 > 0),
    }),
  );
  t.deepEqual(facts!.trial, { sent: 50, answered: 45 });
  t.like(facts, { lossRatio: 0.1, lossOutRatio: 0.08, lossInRatio: 0.02 });
});

test('one that answers no probes is not tried', async (t) => {
  const [facts] = await inspectPeers(world({ probe: async () => Promise.resolve(undefined) }));
  t.is(facts!.trial, undefined);
});

test('that a peer cannot be asked is what is known of it', async (t) => {
  const remote = {
    ask: async () => Promise.reject(new WeftError('remote-unreachable', 'node n2: no answer')),
    clockOffset: async () => Promise.reject(new WeftError('remote-unreachable', 'node n2: no answer')),
  };
  const [facts] = await inspectPeers(world({ remote, probe: async () => Promise.resolve(false) }));
  t.deepEqual(facts!.said, { code: 'remote-unreachable', message: 'node n2: no answer' });
  t.deepEqual(facts!.trial, { sent: 50, answered: 0 });
});

test('without authentication nobody is asked', async (t) => {
  const made = world({ canAsk: false });
  const [facts] = await inspectPeers(made);
  t.is(facts!.said, undefined);
  t.deepEqual([made.probed.length, made.asked.length], [20, 0]);
});

test('the dead are neither asked nor tried, and of very many peers only some are, the relayed ones first', async (t) => {
  const peers = Array.from({ length: 60 }, (_, at): Peer => {
    const isRelayed = at === 59;
    return {
      ...peer,
      name: `n${at}`,
      identity: `${at}`,
      state: at === 0 ? 'dead' : 'alive',
      relay: isRelayed ? 'n1' : '',
    };
  });
  const made = world({ peers: () => peers });
  const facts = await inspectPeers(made);
  t.is(facts.length, 60);
  t.is(made.asked.length, 32);
  t.true(made.asked.includes('n59'));
  t.false(made.asked.includes('n0'));
});

test('a node tells all of its addresses, or none', (t) => {
  const [own] = Object.values(networkInterfaces()).flatMap((ofDevice = []) => ofDevice);
  const devices = (count: number) => ({
    eth0: Array.from({ length: count }, (_, at) => ({ ...own!, address: `10.0.${at >> 8}.${at & 255}` })),
  });
  t.is(ownAddresses(devices(256)).addresses?.length, 256);
  t.deepEqual(ownAddresses(devices(257)), {});
});
