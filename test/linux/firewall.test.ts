import test from 'ava';
import { parseLegacyRules, parseNftRuleset, type FirewallRule } from '../../src/linux/firewall.ts';

/** `nft -j list ruleset` of nftables 1.0.6, and below what `nft -nn --handle --stateless list ruleset` says of the same. */
const ruleset = {
  nftables: [
    { metainfo: { version: '1.0.6' } },
    { table: { family: 'inet', name: 'guard', handle: 1 } },
    { set: { family: 'inet', name: 's', table: 'guard', type: 'inet_service', handle: 8, elem: [4_789] } },
    {
      chain: {
        family: 'inet',
        table: 'guard',
        name: 'in',
        handle: 1,
        type: 'filter',
        hook: 'input',
        prio: 0,
        policy: 'drop',
      },
    },
    { chain: { family: 'inet', table: 'guard', name: 'other', handle: 11 } },
    rule(2, [match({ payload: { protocol: 'udp', field: 'dport' } }, 4_789), { counter: null }, { drop: null }]),
    rule(3, [match({ meta: { key: 'iifname' } }, 'wf*'), { accept: null }]),
    rule(5, [
      match({ payload: { protocol: 'ip', field: 'saddr' } }, { prefix: { addr: '10.244.0.0', len: 16 } }),
      match({ payload: { protocol: 'tcp', field: 'dport' } }, { set: [80, { range: [100, 200] }] }),
      { reject: { type: 'icmp', expr: 'port-unreachable' } },
    ]),
    rule(6, [match({ payload: { protocol: 'udp', field: 'dport' } }, 53, '!='), { accept: null }]),
    rule(7, [match({ ct: { key: 'state' } }, 'established', 'in'), { accept: null }]),
    rule(9, [match({ payload: { protocol: 'udp', field: 'dport' } }, '@s'), { drop: null }]),
    rule(12, [match({ payload: { protocol: 'udp', field: 'dport' } }, 1), { jump: { target: 'other' } }]),
  ],
};

const listing = `table inet guard { # handle 1
\tset s { # handle 8
\t\ttype inet_service
\t\telements = { 4789 }
\t}

\tchain in { # handle 1
\t\ttype filter hook input priority filter; policy drop;
\t\tudp dport 4789 counter drop # handle 2
\t\tiifname "wf*" accept # handle 3
\t}
}
`;

function rule(handle: number, expr: readonly Readonly<Record<string, unknown>>[]): object {
  return { rule: { family: 'inet', table: 'guard', chain: 'in', handle, expr } };
}

function accepting(xt: unknown): object {
  return rule(2, [{ xt }, { accept: null }]);
}

function match(left: object, right: unknown, op = '=='): Readonly<Record<string, unknown>> {
  return { match: { op, left, right } };
}

function wordsOf({ action, matches }: FirewallRule): string {
  const words = matches.map(({ field, isNegated, values }) => `${field}${isNegated ? ' not' : ''} ${values.join(',')}`);
  return [...words, action].join('; ');
}

test('rules of nftables that accept or drop are read, with sets, ranges and prefixes', (t) => {
  const [chain, other] = parseNftRuleset(ruleset, listing);
  t.like(chain, {
    table: 'nftables table inet guard',
    title: 'nftables chain inet guard in',
    families: [4, 6],
    hook: 'input',
    policy: 'drop',
  });
  t.deepEqual(chain!.rules.map(wordsOf), [
    'dport 4789; drop',
    'iifname wf*; accept',
    'saddr 10.244.0.0/16; dport 80,100-200; drop',
    'dport not 53; accept',
    'other established; accept',
    'dport 4789; drop',
  ]);
  t.like(other, { hook: undefined, policy: 'accept', rules: [] });
});

test('a rule comes with the words of nft, and with the command that removes it', (t) => {
  const [chain] = parseNftRuleset(ruleset, listing);
  t.like(chain!.rules[0], {
    text: 'udp dport 4789 counter drop',
    removal: 'nft delete rule inet guard in handle 2',
  });
});

test('what nft cannot show of iptables is unreadable, unless its name says what it is about', (t) => {
  const nftables = [
    ruleset.nftables[3]!,
    accepting({ type: 'match', name: 'conntrack' }),
    accepting({ type: 'match', name: 'multiport' }),
    accepting(null),
  ];
  const [chain] = parseNftRuleset({ nftables }, listing);
  t.deepEqual(
    chain!.rules.map(({ matches }) => matches[0]!.field),
    ['other', 'unreadable', 'unreadable'],
  );
});

test('rules of iptables before nftables are read', (t) => {
  const text = `-P INPUT ACCEPT
-P FORWARD DROP
-N DOCKER
-A INPUT -p udp -m udp --dport 4789 -j DROP
-A INPUT ! -s 10.0.0.0/8 -p tcp -m multiport --dports 22,8000:8100 -j REJECT --reject-with icmp-port-unreachable
-A FORWARD -i wf+ -j ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -j DOCKER
`;
  const [input, forward, docker] = parseLegacyRules(text, 'iptables-legacy', 4);
  t.like(input, { title: 'iptables-legacy chain INPUT', hook: 'input', policy: 'accept', families: [4] });
  t.deepEqual(input!.rules.map(wordsOf), [
    'protocol udp; dport 4789; drop',
    'saddr not 10.0.0.0/8; protocol tcp; dport 22,8000-8100; drop',
  ]);
  t.is(input!.rules[0]!.removal, 'iptables-legacy -D INPUT -p udp -m udp --dport 4789 -j DROP');
  t.like(forward, { hook: 'forward', policy: 'drop' });
  t.deepEqual(forward!.rules.map(wordsOf), ['iifname wf*; accept', 'other ESTABLISHED; accept']);
  t.is(docker!.hook, undefined);
});
