/** Firewalls that people have, with the rules that they come with. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { examine } from '../../src/doctor/examination.ts';
import type { DaemonFacts } from '../../src/doctor/facts.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { parseIptablesSave } from '../../src/firewall/iptables-ruleset.ts';
import { type NftDocument, parseNftRuleset } from '../../src/firewall/nft-ruleset.ts';
import type { Ruleset } from '../../src/firewall/ruleset.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { factsWith, firewallOf } from '../support/doctor-facts.ts';

function golden(name: string): string {
  return readFileSync(new URL(`../golden/firewalls/${name}.txt`, import.meta.url), 'utf8');
}

function saved(name: string, changes: (text: string) => string = (text) => text): Ruleset {
  const source = { program: 'iptables', family: 4, tableTitle: (table: string) => `iptables table ${table}` } as const;
  return parseIptablesSave(changes(golden(name)), source);
}

function firewalld(changes: (document: string) => string = (document) => document): Ruleset {
  const [, document = '', ...listing] = golden('firewalld').split('\n');
  return parseNftRuleset(JSON.parse(changes(document)) as NftDocument, listing.join('\n'));
}

function findingsOf(firewall: Ruleset): readonly Finding[] {
  return examine(factsWith({ host: { firewall } }), '2026-01-03T04:05:00.000Z').findings;
}

test("firewalld's last rules are found in both chains, with the jumps that lead there", (t) => {
  const [forward, closed, ...others] = findingsOf(firewalld());
  t.deepEqual(others, []);
  t.is(forward!.id, 'forward-policy-drop');
  t.deepEqual(forward!.evidence, [
    'nftables chain inet firewalld filter_FWD_public has "reject with icmpx 3" (reached by "jump filter_FORWARD_ZONES" in filter_FORWARD, then "goto filter_FWD_public" in filter_FORWARD_ZONES), and no rule before it accepts packets from pods to other nodes; packets from other nodes to pods; packets between pods of this node',
  ]);
  t.deepEqual(forward!.fix.commands, [
    'firewall-cmd --permanent --zone=trusted --add-source=10.244.0.0/16',
    'firewall-cmd --permanent --zone=trusted --add-source=fd00:10:244::/48',
    'firewall-cmd --reload',
  ]);
  t.is(closed!.id, 'firewall-closed');
  t.regex(closed!.evidence.join(), /filter_IN_public has .* VXLAN from other nodes \(UDP port 4789\); gossip from/);
  t.deepEqual(closed!.fix.commands, [
    'firewall-cmd --permanent --add-port=4789/udp',
    'firewall-cmd --permanent --add-port=7948/udp',
    'firewall-cmd --permanent --add-port=7948/tcp',
    'firewall-cmd --reload',
  ]);
});

test('firewalld with its default zone trusted is no finding', (t) => {
  const trusting = firewalld((text) =>
    text.replaceAll('{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}', '{"accept": null}'),
  );
  t.deepEqual(findingsOf(trusting), []);
});

test("RHEL's default rules of iptables are found in both chains", (t) => {
  const findings = findingsOf(saved('rhel'));
  t.deepEqual(
    findings.map(({ id }) => id),
    ['forward-policy-drop', 'firewall-closed'],
  );
  t.deepEqual(
    findings.map(({ fix }) => fix.commands),
    [
      ['iptables -I FORWARD -i wf+ -j ACCEPT', 'iptables -I FORWARD -o wf+ -j ACCEPT'],
      [
        'iptables -I INPUT -p udp --dport 4789 -j ACCEPT',
        'iptables -I INPUT -p udp --dport 7948 -j ACCEPT',
        'iptables -I INPUT -p tcp --dport 7948 -j ACCEPT',
      ],
    ],
  );
});

test('with the commands that are said, nothing is found any more', (t) => {
  const opened = saved('rhel', (text) =>
    text
      .replace('-A FORWARD', '-A FORWARD -i wf+ -j ACCEPT\n-A FORWARD -o wf+ -j ACCEPT\n-A FORWARD')
      .replace(
        '-A INPUT -j REJECT',
        '-A INPUT -p udp --dport 4789 -j ACCEPT\n-A INPUT -p udp --dport 7948 -j ACCEPT\n-A INPUT -p tcp --dport 7948 -j ACCEPT\n-A INPUT -j REJECT',
      ),
  );
  t.deepEqual(findingsOf(opened), []);
});

test("Docker's policy is found, and Docker's rules for its own networks are no doubt", (t) => {
  const [finding, ...others] = findingsOf(saved('docker'));
  t.deepEqual(others, []);
  t.is(finding!.id, 'forward-policy-drop');
  t.regex(finding!.evidence.join(), /^iptables chain FORWARD: policy drop, and no rule accepts packets from pods/);
});

test("ufw's policies are found, though it lets echoes pass", (t) => {
  const [forward, closed, ...others] = findingsOf(saved('ufw'));
  t.deepEqual(others, []);
  t.regex(forward!.evidence.join(), /packets from pods to other nodes, TCP, UDP, IPv4;/);
  t.deepEqual(forward!.fix.commands.slice(0, 1), ['ufw route allow from 10.244.0.0/16 to 10.244.0.0/16']);
  t.is(closed!.id, 'firewall-closed');
  t.deepEqual(closed!.fix.commands, ['ufw allow 4789/udp', 'ufw allow 7948/udp', 'ufw allow 7948/tcp']);
});

test('a rule that is not understood is a note, with the rule, and the node stays healthy', (t) => {
  const firewall = firewallOf('-A FORWARD -m set --match-set bad src -j DROP');
  const [note, ...others] = findingsOf(firewall);
  t.deepEqual(others, []);
  t.like(note, { id: 'firewall-unclear', severity: 'note' });
  t.regex(note!.evidence.join(), /has "-A FORWARD -m set --match-set bad src -j DROP", may end packets from pods/);
  t.deepEqual(note!.fix.commands, ['iptables -t filter -S FORWARD']);
});

test('what a rule names is tried: one pod of many, and a prefix of another node', (t) => {
  const pods = Array.from({ length: 30 }, (_, index) => {
    return {
      device: `wf000000${String(index).padStart(2, '0')}`,
      addresses: [parseIpAddress(`10.244.1.${index + 2}`)!],
      allowSources: [],
    };
  });
  const firewall = firewallOf('-A FORWARD -s 10.244.1.25/32 -j DROP', '-A FORWARD -d 10.244.7.0/24 -j DROP');
  const facts = factsWith({ host: { firewall } });
  const many = { ...facts, host: { ...facts.host, plumbing: { ...facts.host.plumbing, pods } } };
  const [finding] = examine(many, '').findings;
  t.is(finding!.id, 'firewall-drops');
  t.regex(finding!.evidence[0]!, /10\.244\.1\.25 to /);
  t.regex(finding!.evidence[1]!, /to 10\.244\.7\.2/);
  t.deepEqual(finding!.fix.commands, [
    'iptables -D FORWARD -s 10.244.1.25/32 -j DROP',
    'iptables -D FORWARD -d 10.244.7.0/24 -j DROP',
  ]);
});

test('what a rule names behind a router is tried from the device of the router', (t) => {
  const facts = factsWith({ host: { firewall: firewallOf('-A FORWARD -i wf0000000b -s 10.244.200.0/24 -j DROP') } });
  const [web] = facts.host.plumbing.pods;
  const router = { device: 'wf0000000b', addresses: [], allowSources: [parsePrefix('10.244.200.0/24')!] };
  const plumbing = { ...facts.host.plumbing, pods: [web!, router] };
  const [finding] = examine({ ...facts, host: { ...facts.host, plumbing } }, '').findings;
  t.is(finding?.id, 'firewall-drops');
  t.regex(finding?.evidence[0] ?? '', /10\.244\.200\.2 to /);
});

test('what hits one node of several is said of that one', (t) => {
  const facts = factsWith({ host: { firewall: firewallOf('-A INPUT -s 198.18.0.3/32 -j DROP') } });
  const daemon = facts.daemon as DaemonFacts;
  const [peer] = daemon.peers;
  const peers = [peer!, { ...peer!, name: 'n3', endpoint: '198.18.0.3:4789' }];
  const [finding] = examine({ ...facts, daemon: { ...daemon, peers } }, '').findings;
  t.regex(finding!.evidence[0]!, /VXLAN from other nodes \(UDP port 4789\), n3; gossip/);
});
