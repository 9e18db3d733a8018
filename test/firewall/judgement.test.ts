import test from 'ava';
import { type FilteredPacket, firstPacket } from '../../src/firewall/filtered-packet.ts';
import { parseIptablesSave } from '../../src/firewall/iptables-ruleset.ts';
import { judge, judgePassage, type Judgement } from '../../src/firewall/judgement.ts';
import type { Ruleset } from '../../src/firewall/ruleset.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { IpProtocol } from '../../src/wire/ip.ts';

const toPort80 = firstPacket({
  family: 4,
  inDevice: 'wfpod',
  outDevice: 'weft0',
  source: parseIpAddress('10.244.1.2'),
  destination: parseIpAddress('10.244.2.2'),
  protocol: IpProtocol.tcp,
  sourcePort: 30_000,
  destinationPort: 80,
});

/** Rules of the table `filter`, those of each chain behind its name and policy. */
function rulesOf(...lines: readonly string[]): Ruleset {
  return tablesOf('*filter', ...lines);
}

function tablesOf(...lines: readonly string[]): Ruleset {
  return parseIptablesSave(lines.join('\n'), { program: 'iptables', family: 4, tableTitle: (table) => table });
}

function wordsOf({ verdict, place, threat }: Judgement): string {
  const where = place === undefined ? '' : ` by ${place.rule?.text ?? `policy of ${place.chain.name}`}`;
  return `${verdict}${where}${threat === undefined ? '' : ` or ${threat.rule?.text ?? `policy of ${threat.chain.name}`}`}`;
}

const forwards = test.macro<[rules: readonly string[], expected: string, changes?: Partial<FilteredPacket>]>({
  exec: (t, rules, expected, changes = {}) =>
    t.is(wordsOf(judge(rulesOf(':FORWARD ACCEPT', ...rules), 'forward', { ...toPort80, ...changes })), expected),
  title: (name = '') => name,
});

test('without any rule the policy decides', forwards, [], 'accept');
test(
  'a last rule without any condition decides',
  forwards,
  ['-A FORWARD -i docker0 -j ACCEPT', '-A FORWARD -j REJECT --reject-with icmp-host-prohibited'],
  'reject by -A FORWARD -j REJECT --reject-with icmp-host-prohibited',
);
test('the first rule that matches decides', forwards, ['-A FORWARD -i wf+ -j ACCEPT', '-A FORWARD -j DROP'], 'accept');
test(
  'a rule is reached through jumps',
  forwards,
  [':A -', ':B -', '-A FORWARD -j A', '-A A -p tcp -j B', '-A B -d 10.244.0.0/16 -j DROP'],
  'drop by -A B -d 10.244.0.0/16 -j DROP',
);
test(
  'whoever returns goes on behind the jump',
  forwards,
  [':A -', '-A FORWARD -j A', '-A FORWARD -j DROP', '-A A -p tcp -j RETURN', '-A A -j ACCEPT'],
  'drop by -A FORWARD -j DROP',
);
test(
  'behind a goto nothing comes back to the chain',
  forwards,
  [':A -', ':B -', '-A FORWARD -j A', '-A FORWARD -j DROP', '-A A -g B', '-A A -j ACCEPT', '-A B -p udp -j ACCEPT'],
  'drop by -A FORWARD -j DROP',
);
test(
  'a chain that is not there may do anything',
  forwards,
  ['-A FORWARD -j MISSING'],
  'unknown by -A FORWARD -j MISSING',
);
test(
  'chains that jump to each other come to an end',
  forwards,
  [':A -', '-A FORWARD -j A', '-A A -j A'],
  'unknown by -A A -j A',
);
test(
  'a state of connections is that of a first packet',
  forwards,
  ['-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-A FORWARD -m state --state NEW -j DROP'],
  'drop by -A FORWARD -m state --state NEW -j DROP',
);
test(
  'answers of a connection are let in by their state',
  forwards,
  ['-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-A FORWARD -j DROP'],
  'accept',
  { connection: 'established' },
);
test(
  'a rate limit leaves open what happens',
  forwards,
  ['-A FORWARD -m limit --limit 5/sec -j ACCEPT', '-A FORWARD -j DROP'],
  'unknown by -A FORWARD -m limit --limit 5/sec -j ACCEPT or -A FORWARD -j DROP',
);
test(
  'what cannot be decided does not matter where both ways lead to the same',
  forwards,
  [':A -', '-A FORWARD -m set --match-set s src -j A', '-A FORWARD -j DROP', '-A A -p tcp -j DROP'],
  'drop by -A FORWARD -j DROP',
);
test(
  'of several rules in doubt that one is named which may change the verdict',
  forwards,
  ['-A FORWARD -m set --match-set a src -j ACCEPT', '-A FORWARD -m set --match-set b src -j DROP'],
  'unknown by -A FORWARD -m set --match-set b src -j DROP or -A FORWARD -m set --match-set b src -j DROP',
);
test(
  'a match without options of its own is not taken for none',
  forwards,
  ['-A FORWARD -m socket -j ACCEPT', '-A FORWARD -j DROP'],
  'unknown by -A FORWARD -m socket -j ACCEPT or -A FORWARD -j DROP',
);
test(
  'a target that nobody knows may do anything',
  forwards,
  ['-A FORWARD -p tcp -j NFQUEUE --queue-num 1'],
  'unknown by -A FORWARD -p tcp -j NFQUEUE --queue-num 1',
);
test(
  'a field that is not known leaves open what happens',
  forwards,
  ['-A FORWARD -p tcp -m tcp --dport 22 -j DROP'],
  'unknown by -A FORWARD -p tcp -m tcp --dport 22 -j DROP or -A FORWARD -p tcp -m tcp --dport 22 -j DROP',
  { destinationPort: undefined },
);
test(
  'a comment is no condition, whatever it says',
  forwards,
  ['-A FORWARD -m comment --comment "-i eth0 ! -j ACCEPT" -j DROP'],
  'drop by -A FORWARD -m comment --comment "-i eth0 ! -j ACCEPT" -j DROP',
);
test(
  'a mark that was set is found again',
  forwards,
  [
    '-A FORWARD -i wf+ -j MARK --set-xmark 0x4000/0x4000',
    '-A FORWARD -m mark ! --mark 0x4000/0x4000 -j ACCEPT',
    '-A FORWARD -j DROP',
  ],
  'drop by -A FORWARD -j DROP',
);
test(
  'a mark that may have been set is not known',
  forwards,
  ['-A FORWARD -m limit --limit 5/sec -j MARK --set-xmark 0x1/0xffffffff', '-A FORWARD -m mark --mark 0x1 -j DROP'],
  'unknown by -A FORWARD -m mark --mark 0x1 -j DROP or -A FORWARD -m mark --mark 0x1 -j DROP',
);
test(
  'rows of ports, ranges and negations are understood',
  forwards,
  [
    '-A FORWARD -p tcp -m multiport --dports 22,79:81 -m iprange --src-range 10.244.1.1-10.244.1.9 ! -o eth+ ! -d 10.0.0.0/16 -j DROP',
  ],
  'drop by -A FORWARD -p tcp -m multiport --dports 22,79:81 -m iprange --src-range 10.244.1.1-10.244.1.9 ! -o eth+ ! -d 10.0.0.0/16 -j DROP',
);
test(
  'a rule of another protocol does not match, whatever its port',
  forwards,
  ['-A FORWARD -p udp -m udp ! --dport 1 -j DROP', '-A FORWARD -p icmp -m icmp ! --icmp-type 0 -j DROP'],
  'accept',
);
test(
  'a SYN has the flags of one',
  forwards,
  [
    '-A FORWARD -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP',
    '-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j REJECT',
  ],
  'reject by -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j REJECT',
);

test('a chain with more rules than are looked at leaves open what happens', (t) => {
  const many = Array.from({ length: 100_001 }, () => '-A FORWARD -i eth0 -j DROP').join('\n');
  t.is(judge(rulesOf(':FORWARD ACCEPT', many), 'forward', toPort80).verdict, 'unknown');
});

test('the verdict says through which rules it was reached', (t) => {
  const rules = rulesOf(':FORWARD ACCEPT', ':A -', ':B -', '-A FORWARD -j A', '-A A -g B', '-A B -j DROP');
  const { place, hook } = judge(rules, 'forward', toPort80);
  t.is(hook, 'forward');
  t.deepEqual(
    place?.path.map(({ rule }) => rule?.text),
    ['-A FORWARD -j A', '-A A -g B'],
  );
});

test('chains of a hook are asked in the order of their priorities, and each of them may drop', (t) => {
  const rules = tablesOf(
    '*filter',
    ':FORWARD ACCEPT',
    '-A FORWARD -m mark --mark 0x7 -j DROP',
    '*mangle',
    ':FORWARD ACCEPT',
    '-A FORWARD -j MARK --set-xmark 0x7/0xffffffff',
    '-A FORWARD -j ACCEPT',
  );
  t.is(wordsOf(judge(rules, 'forward', toPort80)), 'drop by -A FORWARD -m mark --mark 0x7 -j DROP');
});

test('what is not tracked has no new connection, on its whole way', (t) => {
  const rules = tablesOf(
    '*raw',
    ':PREROUTING ACCEPT',
    '-A PREROUTING -i wf+ -j CT --notrack',
    '*filter',
    ':FORWARD ACCEPT',
    '-A FORWARD -m conntrack --ctstate NEW -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate UNTRACKED -j DROP',
  );
  t.is(judgePassage(rules, 'forwarded', toPort80).verdict, 'drop');
  t.is(judgePassage(rules, 'forwarded', { ...toPort80, inDevice: 'eth0' }).verdict, 'accept');
});

test('before connections are told apart, no packet has one', (t) => {
  const rules = tablesOf('*raw', ':PREROUTING ACCEPT', '-A PREROUTING -m conntrack --ctstate NEW -j DROP');
  t.is(judgePassage(rules, 'forwarded', toPort80).verdict, 'accept');
});

test('where addresses are rewritten, what rules ask of them is not known any more', (t) => {
  const rules = tablesOf(
    '*nat',
    ':PREROUTING ACCEPT',
    '-A PREROUTING -d 10.244.2.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.9.9:8080',
    '*filter',
    ':FORWARD ACCEPT',
    '-A FORWARD -d 10.244.9.9/32 -j DROP',
  );
  t.is(judgePassage(rules, 'forwarded', toPort80).verdict, 'unknown');
  t.is(judgePassage(rules, 'forwarded', { ...toPort80, destinationPort: 81 }).verdict, 'accept');
});

test('what is forwarded is not for an address of this machine', (t) => {
  const rules = tablesOf(
    '*mangle',
    ':PREROUTING ACCEPT',
    '-A PREROUTING -m addrtype --dst-type LOCAL -j DROP',
    '-A PREROUTING -m addrtype ! --dst-type LOCAL -j ACCEPT',
    '-A PREROUTING -j DROP',
  );
  t.is(judgePassage(rules, 'forwarded', toPort80).verdict, 'accept');
  t.is(judgePassage(rules, 'incoming', toPort80).verdict, 'drop');
  t.is(judge(rules, 'prerouting', toPort80).verdict, 'unknown');
});

test('what comes in passes no chain for what is forwarded', (t) => {
  const rules = rulesOf(':INPUT ACCEPT', ':FORWARD DROP', ':OUTPUT ACCEPT', '-A INPUT -o weft0 -j DROP');
  t.is(judgePassage(rules, 'incoming', toPort80).verdict, 'accept');
  t.is(judgePassage(rules, 'outgoing', toPort80).verdict, 'accept');
  t.is(wordsOf(judgePassage(rules, 'forwarded', toPort80)), 'drop by policy of FORWARD');
});
