import test from 'ava';
import { ChangeAuthors, type NamedProcess } from '../../../src/daemon/audit/change-authors.ts';
import { subjectOf } from '../../../src/daemon/host/own-changes.ts';
import type { KernelChange } from '../../../src/linux/kernel-change.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { prefix } from '../../support/announcements.ts';

const own = {
  tunDevice: 'weft0',
  mtuBytes: 1450,
  nodeAddresses: [parseIpAddress('10.244.1.1')!],
  clusterPrefixes: [prefix('10.244.0.0/16')],
};
const OWN_PORT = 50;

const tableAt = (port: number): KernelChange => ({ kind: 'table', table: 'inet weft', isElementAdded: false, port });
const transactionAt = (port: number, name = 'nft', pid = port): KernelChange => {
  return { kind: 'transaction', generation: 1, pid, name, port };
};
const routeAt = (port: number): KernelChange => {
  const route = { kind: 'route', isGone: true, isReplacement: false, protocol: 87, table: 254 } as const;
  return { ...route, destination: prefix('10.244.0.0/16'), port };
};

function heard() {
  const state = { nowMs: 0, processes: new Map<number, NamedProcess>(), sought: 0 };
  const authors = new ChangeAuthors({
    subjectOf: (change) => subjectOf(change, own),
    isOwn: (port) => port === OWN_PORT,
    find: (port) => {
      state.sought++;
      return state.processes.get(port);
    },
    nowMs: () => state.nowMs,
  });
  return { state, authors };
}

test('who changed rules of nftables is told by the kernel, also if it has ended', (t) => {
  const { authors, state } = heard();
  authors.hear([tableAt(7), transactionAt(7, 'firewalld', 1234)]);
  t.is(authors.of('inet weft'), 'process "firewalld" (pid 1234)');
  t.is(authors.of('inet weft-pods'), undefined);
  t.is(state.sought, 0);
});

test('the end of a transaction may be heard later', (t) => {
  const { authors } = heard();
  authors.hear([tableAt(7)]);
  authors.hear([transactionAt(7)]);
  t.is(authors.of('inet weft'), 'process "nft" (pid 7)');
});

test('whoever has the port later is not taken for whoever changed it', (t) => {
  const { authors, state } = heard();
  authors.hear([tableAt(7), transactionAt(7, 'thief', 66)]);
  authors.hear([transactionAt(7, 'innocent', 7)]);
  t.is(authors.of('inet weft'), 'process "thief" (pid 66)');
  state.processes.set(9, { pid: 66, name: 'thief' });
  authors.hear([routeAt(9)]);
  state.processes.set(9, { pid: 9, name: 'innocent' });
  authors.hear([{ ...routeAt(9), destination: prefix('10.244.1.2/32') } as KernelChange]);
  t.is(authors.of('10.244.0.0/16'), 'process "thief" (pid 66)');
  t.is(authors.of('10.244.1.2'), 'process "innocent" (pid 9)');
});

test("what weft's own programs change is nobody's, and hides nobody", (t) => {
  const { authors } = heard();
  authors.hear([tableAt(7), transactionAt(7)]);
  authors.hear([tableAt(OWN_PORT), transactionAt(OWN_PORT)]);
  t.is(authors.of('inet weft'), 'process "nft" (pid 7)');
  const { authors: others } = heard();
  others.hear([tableAt(OWN_PORT), transactionAt(OWN_PORT)]);
  t.is(others.of('inet weft'), undefined);
});

test('after the kernel itself, nobody else was the last', (t) => {
  const { authors, state } = heard();
  state.processes.set(9, { pid: 312, name: 'systemd-network' });
  authors.hear([routeAt(9)]);
  authors.hear([routeAt(0)]);
  t.is(authors.of('10.244.0.0/16'), undefined);
});

test('who changed a route is found by the port while it is there', (t) => {
  const { authors, state } = heard();
  state.processes.set(9, { pid: 312, name: 'systemd-network' });
  authors.hear([routeAt(9)]);
  t.is(authors.of('10.244.0.0/16'), 'process "systemd-network" (pid 312)');
  state.processes.clear();
  authors.hear([routeAt(9)]);
  t.regex(authors.of('10.244.0.0/16')!, /^a process that was not found, as it may have ended \(netlink port 9,/);
});

test('a port of nftables is none of rtnetlink', (t) => {
  const { authors } = heard();
  authors.hear([tableAt(9), transactionAt(9, 'firewalld'), routeAt(9)]);
  t.regex(authors.of('10.244.0.0/16')!, /^a process that was not found/);
});

test('what was put right, or heard long ago, tells nothing of the next time', (t) => {
  const { authors, state } = heard();
  authors.hear([tableAt(7), transactionAt(7)]);
  authors.forget('inet weft');
  t.is(authors.of('inet weft'), undefined);
  authors.hear([tableAt(7), transactionAt(7)]);
  state.nowMs = 31_000;
  t.is(authors.of('inet weft'), undefined);
});

test('a single address is the same with its length and without', (t) => {
  const { authors } = heard();
  authors.hear([{ kind: 'address', isGone: true, index: 3, address: parseIpAddress('10.244.1.1')!, port: 9 }]);
  t.not(authors.of('10.244.1.1/32'), undefined);
  authors.forget('10.244.1.1/32');
  t.is(authors.of('10.244.1.1'), undefined);
});

for (const [name, shown] of [
  ['nft\u001b[2J\n', 'nft?[2J?'],
  ['a" (pid 1); run', 'a? (pid 1); run'],
  ['\u202egnp.exe', '?gnp.exe'],
  ['x'.repeat(5_000), 'x'.repeat(15)],
] as const) {
  test(`a process that calls itself ${JSON.stringify(name.slice(0, 20))} is shown as ${shown}`, (t) => {
    const { authors } = heard();
    authors.hear([tableAt(7), transactionAt(7, name)]);
    t.is(authors.of('inet weft'), `process "${shown}" (pid 7)`);
  });
}

function routeTo(number: number): string {
  return `10.244.${number >> 8}.${number & 255}`;
}

test('ten thousand processes take no more room, nor time, than some', (t) => {
  const { authors, state } = heard();
  const changes = Array.from({ length: 10_000 }, (_, at): KernelChange => {
    return { ...routeAt(at + 100), destination: prefix(`${routeTo(at)}/32`) } as KernelChange;
  });
  authors.hear(changes);
  t.is(state.sought, 8);
  t.regex(authors.of(routeTo(9_999))!, /netlink port 10099/);
  t.is(changes.filter((_, at) => authors.of(routeTo(at)) !== undefined).length, 256);
});
