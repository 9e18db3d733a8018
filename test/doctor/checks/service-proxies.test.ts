import test from 'ava';
import type { FactsOfDaemon } from '../../../src/doctor/check.ts';
import { serviceProxies } from '../../../src/doctor/checks/service-proxies.ts';
import { parseIptablesSave } from '../../../src/firewall/iptables-ruleset.ts';
import { parseNftRuleset } from '../../../src/firewall/nft-ruleset.ts';
import type { Ruleset } from '../../../src/firewall/ruleset.ts';
import { factsWith } from '../../support/doctor-facts.ts';

const nothing = { some: [], count: 0 };

function evidenceOf(firewall: Ruleset, count = 1): readonly string[] {
  const services = { count, withoutBackend: nothing, taken: nothing, cut: nothing };
  const facts = factsWith({ host: { firewall }, daemon: { services } }) as FactsOfDaemon;
  return serviceProxies.look(facts).flatMap(({ evidence }) => evidence);
}

/** Chains of tables of nftables, without rules. */
function nftables(...chains: readonly (readonly [family: string, table: string, name: string])[]): Ruleset {
  return parseNftRuleset({ nftables: chains.map(([family, table, name]) => ({ chain: { family, table, name } })) }, '');
}

function legacy(table: string, chain: string): Ruleset {
  return parseIptablesSave(`*${table}\n:${chain} - [0:0]\nCOMMIT\n`, {
    program: 'iptables-legacy',
    family: 4,
    tableTitle: (title) => `iptables-legacy table ${title}`,
  });
}

test('tables that kube-proxy made with nftables are named once each', (t) => {
  const firewall = nftables(
    ['ip', 'kube-proxy', 'services'],
    ['ip', 'kube-proxy', 'nat-prerouting'],
    ['ip6', 'kube-proxy', 'services'],
  );
  t.deepEqual(evidenceOf(firewall, 2), [
    'weft has 2 services, and there is nftables table ip kube-proxy, nftables table ip6 kube-proxy',
  ]);
});

test('its chains of iptables are named as their program shows them', (t) => {
  t.deepEqual(evidenceOf(nftables(['ip', 'nat', 'KUBE-SERVICES'])), [
    'weft has 1 service, and there is nftables chain ip nat KUBE-SERVICES',
  ]);
  t.deepEqual(evidenceOf(legacy('nat', 'KUBE-SERVICES')), [
    'weft has 1 service, and there is iptables-legacy chain KUBE-SERVICES of table nat',
  ]);
});

test('what a kubelet makes, and tables of others, are none of it', (t) => {
  t.deepEqual(evidenceOf(legacy('nat', 'KUBE-MARK-MASQ')), []);
  t.deepEqual(evidenceOf(legacy('mangle', 'KUBE-KUBELET-CANARY')), []);
  t.deepEqual(evidenceOf(nftables(['inet', 'weft-services', 'arriving'], ['ip', 'nat', 'DOCKER'])), []);
});
