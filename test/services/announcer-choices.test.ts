import test from 'ava';
import type { Member, MemberState } from '../../src/membership/announcement.ts';
import { AnnouncerChoices, RESTART_GRACE_MS } from '../../src/services/announcer-choices.ts';
import { type AnnouncingNode, electAnnouncer } from '../../src/services/announcer-election.ts';
import type { BalancedAddress } from '../../src/services/balanced-addresses.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

const link = parsePrefix('192.0.2.0/24')!;
const nodes = Array.from({ length: 5 }, (_, at): AnnouncingNode => ({
  identity: `${at}`.repeat(32),
  name: `n${at}`,
  links: [link],
}));
const addresses = Array.from({ length: 250 }, (_, at) => parseIpAddress(`192.0.2.${at + 1}`)!);

test('addresses spread over the nodes, whatever the order in which these are known', (t) => {
  const counts = new Map<string, number>();
  for (const address of addresses) {
    const elected = electAnnouncer(address, nodes)!;
    t.is(electAnnouncer(address, nodes.toReversed()), elected);
    counts.set(elected.name, (counts.get(elected.name) ?? 0) + 1);
  }
  for (const { name } of nodes) t.true(counts.get(name)! > 25, `${name}: ${counts.get(name)}`);
});

test('a node that goes moves its own addresses, and no others', (t) => {
  const rest = nodes.slice(1);
  for (const address of addresses) {
    const before = electAnnouncer(address, nodes)!;
    if (before !== nodes[0]) t.is(electAnnouncer(address, rest), before);
  }
});

test('only a node on the link, and with a backend where that matters', (t) => {
  const elsewhere = nodes.map((node) => ({ ...node, links: [parsePrefix('198.51.100.0/24')!] }));
  t.is(electAnnouncer(addresses[0]!, elsewhere), undefined);
  t.is(electAnnouncer(addresses[0]!, [...elsewhere, nodes[3]!]), nodes[3]);
  for (const address of addresses) t.is(electAnnouncer(address, nodes, new Set(['n2']))!.name, 'n2');
  t.is(electAnnouncer(addresses[0]!, nodes, new Set()), undefined);
});

function member({ identity, name, links }: AnnouncingNode, state: MemberState, sinceMs = 0): Member {
  const announcement = { identity, name, linkPrefixes: links } as unknown as Member['announcement'];
  return { announcement, incarnation: 1, state, sinceMs, announcedMs: 0 };
}

function wanted(nodeNames?: ReadonlySet<string>): ReadonlyMap<string, BalancedAddress> {
  return new Map(addresses.map((address: IpAddress) => [formatIpAddress(address), { address, nodeNames }]));
}

test('a node that is suspected keeps its addresses, one that is dead does not', (t) => {
  const choices = new AnnouncerChoices();
  const with0 = (state: MemberState) =>
    choices.update(wanted(), [member(nodes[0]!, state), ...nodes.slice(1).map((node) => member(node, 'alive'))], 1_000);
  const [address] = [...with0('alive')].find(([, { name }]) => name === 'n0')!;
  t.is(with0('suspect').get(address)?.name, 'n0');
  const after = with0('dead').get(address)?.name;
  t.true(after !== undefined && after !== 'n0');
});

test('a node that ends in order keeps its addresses for a while, also without its pods', (t) => {
  const only0 = new Set(['n0']);
  for (const [before, during] of [
    [undefined, undefined],
    [only0, new Set(['n1'])],
  ] as const) {
    const choices = new AnnouncerChoices();
    const others = nodes.slice(1).map((node) => member(node, 'alive'));
    const first = choices.update(wanted(before), [member(nodes[0]!, 'alive'), ...others], 0);
    const [address] = [...first].find(([, { name }]) => name === 'n0')!;
    const gone = [member(nodes[0]!, 'left', 1_000), ...others];
    t.is(choices.update(wanted(during), gone, 1_000 + RESTART_GRACE_MS - 1).get(address)?.name, 'n0');
    t.is(choices.at(address)?.name, 'n0');
    t.not(choices.update(wanted(during), gone, 1_000 + RESTART_GRACE_MS).get(address)?.name, 'n0');
  }
});

test('a node without links answers for nothing', (t) => {
  const choices = new AnnouncerChoices();
  const { announcement, ...rest } = member(nodes[0]!, 'alive');
  const { linkPrefixes: _, ...plain } = announcement;
  t.is(choices.update(wanted(), [{ ...rest, announcement: plain }], 0).size, 0);
});
