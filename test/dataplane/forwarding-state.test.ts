import test from 'ava';
import {
  equalForwardingStates,
  type ForwardingPeer,
  type ForwardingState,
} from '../../src/dataplane/forwarding-state.ts';
import { endpoint, prefix } from '../support/announcements.ts';

function peer(index: number, change: Partial<ForwardingPeer> = {}): ForwardingPeer {
  return {
    index,
    endpoint: endpoint(`198.18.0.${index}:4789`),
    mac: Uint8Array.of(2, 0, 0, 0, 1, index),
    mtuBytes: 1450,
    remoteChecksum: true,
    mayRelay: true,
    mayAskRelay: true,
    ...change,
  };
}

/** All of it made anew. */
function state(change: Partial<ForwardingState> = {}, ofPeer: Partial<ForwardingPeer> = {}): ForwardingState {
  return {
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    relays: true,
    peers: [peer(2), peer(3, ofPeer)],
    routes: [
      { prefix: prefix('10.244.1.0/24'), peer: 0 },
      { prefix: prefix('10.244.2.0/24'), peer: 2 },
    ],
    ...change,
  };
}

test('states of the same content are equal', (t) => t.true(equalForwardingStates(state(), state())));

const differs = test.macro<[Partial<ForwardingState>, Partial<ForwardingPeer>?]>({
  exec: (t, change, ofPeer) => {
    t.false(equalForwardingStates(state(), state(change, ofPeer)));
    t.false(equalForwardingStates(state(change, ofPeer), state()));
  },
  title: (name) => `${name} makes a difference`,
});

const { routes } = state();
test('the MAC address', differs, { mac: Uint8Array.of(2, 0, 0, 0, 0, 2) });
test('whether the node relays', differs, { relays: false });
test('a peer less', differs, { peers: [peer(2)] });
test('a route less', differs, { routes: routes.slice(1) });
test('the peer of a route', differs, { routes: [routes[0]!, { ...routes[1]!, peer: 3 }] });
test('the prefix of a route', differs, { routes: [routes[0]!, { ...routes[1]!, prefix: prefix('10.244.2.0/25') }] });
test('the number of a peer', differs, {}, { index: 4 });
test('the endpoint of a peer', differs, {}, { endpoint: endpoint('198.18.0.3:4790') });
test('the MAC address of a peer', differs, {}, { mac: Uint8Array.of(2, 0, 0, 0, 0, 9) });
test('the MTU of a peer', differs, {}, { mtuBytes: 1400 });
test('the checksums of a peer', differs, {}, { remoteChecksum: false });
test('whether a peer relays', differs, {}, { mayRelay: false });
test('whether a peer may ask to', differs, {}, { mayAskRelay: false });
test('the target of a way', differs, {}, { via: { target: 2, relay: 4 } });
test('the relay of a way', differs, { peers: [peer(2), peer(3, { via: { target: 2, relay: 4 } })] });
