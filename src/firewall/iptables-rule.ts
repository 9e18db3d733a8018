/** A rule of iptables, as `iptables-save` writes it: `-A FORWARD ! -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT`. */
import { parseIpAddress } from '../wire/address.ts';
import { hostPrefix, parsePrefix } from '../wire/prefix.ts';
import { ConnectionBit, type Field } from './field.ts';
import { readBits, readValue } from './nft-value.ts';
import { obscurePattern, type Pattern } from './pattern.ts';
import type { RuleVerdict, Statement, Test } from './ruleset.ts';
import { targetStatement } from './xt-statement.ts';

/** An option with its words: `! --dport 80`. */
interface Option {
  readonly name: string;
  /** Match that it belongs to, as `-m` named it: `tcp`. */
  readonly match: string;
  readonly isNegated: boolean;
  readonly words: readonly string[];
}

/** Matches whose options say all that they ask. */
const understood: readonly string[] = [
  'addrtype',
  'comment',
  'connmark',
  'conntrack',
  'dccp',
  'icmp',
  'icmp6',
  'iprange',
  'mark',
  'multiport',
  'sctp',
  'state',
  'tcp',
  'udp',
  'udplite',
];

/** Options that do not ask anything of the packet. */
const silent: readonly string[] = ['-A', '--comment', '--validmark'];

/** Options with one word behind them that a person chose: it may look like an option. */
const quoting: readonly string[] = ['--comment', '--log-prefix', '--nflog-prefix'];

/** Options that name the target. */
const targetOptions = ['-j', '-g'];

/** All that it does, in order: its tests first, then its target. */
export function readRule(line: string, family: 4 | 6): Statement[] {
  const options = readOptions(wordsOf(line));
  const at = options.findIndex(({ name }) => targetOptions.includes(name));
  const asked = at === -1 ? options : options.slice(0, at);
  const protocol = asked.find(({ name, isNegated }) => name === '-p' && !isNegated)?.words[0] ?? '';
  const tests = asked.filter(({ name }) => !silent.includes(name)).map((option) => readTest(option, family, protocol));
  return at === -1 ? tests : [...tests, ...readTarget(options[at]!, options.slice(at + 1))];
}

/** Words, those in quotes as one. */
function wordsOf(line: string): string[] {
  const found = line.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
  return found.map((word) => (word.startsWith('"') ? word.slice(1, -1).replaceAll(/\\(.)/g, '$1') : word));
}

function readOptions(words: readonly string[]): Option[] {
  const options: { name: string; match: string; isNegated: boolean; words: string[] }[] = [];
  let isNegated = false;
  let match = '';
  for (const word of words) {
    const last = options.at(-1);
    if (last !== undefined && last.words.length === 0 && quoting.includes(last.name)) {
      last.words.push(word);
    } else if (word === '!') {
      isNegated = true;
    } else if (/^--?[a-z]/i.test(word)) {
      options.push({ name: word, match, isNegated, words: [] });
      isNegated = false;
    } else {
      last?.words.push(word);
      if (last?.name === '-m') match = word;
    }
  }
  return options;
}

function readTest({ name, match, isNegated, words }: Option, family: 4 | 6, protocol: string): Statement {
  const [value = '', second = ''] = words;
  const ip = family === 4 ? 'ip' : 'ip6';
  const among = (field: Field, patterns: readonly Pattern[]): Statement => {
    const operator = isNegated ? 'not-in' : 'in';
    return { kind: 'test', test: { subjects: [{ field }], operator, patterns: () => patterns } };
  };
  switch (name) {
    case '-i':
      return among('iifname', [devicePattern(value)]);
    case '-o':
      return among('oifname', [devicePattern(value)]);
    case '-s':
      return among(`${ip} saddr`, [prefixPattern(value)]);
    case '-d':
      return among(`${ip} daddr`, [prefixPattern(value)]);
    case '--src-range':
      return among(`${ip} saddr`, [addressRange(value)]);
    case '--dst-range':
      return among(`${ip} daddr`, [addressRange(value)]);
    case '-p':
      return among('l4proto', [protocolPattern(value)]);
    case '--sport':
    case '--sports':
    case '--dport':
    case '--dports':
      return among(portField(protocol, name), value.split(',').map(portPattern));
    case '--icmp-type':
      return icmpTest('icmp', value, isNegated);
    case '--icmpv6-type':
      return icmpTest('icmpv6', value, isNegated);
    case '--state':
    case '--ctstate':
      return stateTest(value, isNegated);
    case '--tcp-flags':
      return flagsTest(value, second, isNegated);
    case '-m':
      return understood.includes(value) ? { kind: 'nothing' } : { kind: 'doubt' };
    case '--mark':
      return markTest(match === 'connmark' ? 'ct mark' : 'mark', value, isNegated);
    case '--dst-type':
      return among('fib daddr type', value === 'LOCAL' ? [{ kind: 'is', value: 'local' }] : [obscurePattern]);
    default:
      return { kind: 'doubt' };
  }
}

function readTarget({ name, words }: Option, details: readonly Option[]): Statement[] {
  const [target = ''] = words;
  if (name === '-g') return [{ kind: 'verdict', verdict: { kind: 'goto', chain: target } }];
  const detail = (option: string): string | undefined => details.find((one) => one.name === option)?.words[0];
  switch (target) {
    case 'ACCEPT':
      return verdict('accept');
    case 'DROP':
      return verdict('drop');
    case 'RETURN':
      return verdict('return');
    case 'QUEUE':
    case 'NFQUEUE':
      return verdict('mystery');
    case 'MARK':
      return [markStatement(detail('--set-xmark'))];
    case 'CONNMARK':
      // From the connection to the packet, or the other way round.
      return [
        {
          kind: 'mark',
          of: details.some((one) => one.name === '--restore-mark') ? 'packet' : 'connection',
          value: undefined,
        },
      ];
    case 'NOTRACK':
      return [{ kind: 'untrack' }];
    case 'CT':
      return [details.some((one) => one.name === '--notrack') ? { kind: 'untrack' } : { kind: 'nothing' }];
    default:
      return [builtInOrChain(target)];
  }
}

function verdict(kind: 'accept' | 'drop' | 'return' | 'mystery'): Statement[] {
  return [{ kind: 'verdict', verdict: { kind } }];
}

/** What is no target that is known is a chain, or else the walk finds none of that name and does not know. */
function builtInOrChain(target: string): Statement {
  const known = targetStatement(target);
  const jump: RuleVerdict = { kind: 'jump', chain: target };
  return known.kind === 'mystery' ? { kind: 'verdict', verdict: jump } : known;
}

/** Bits of the mask are cleared, then those of the value turned over. */
function markStatement(words: string | undefined): Statement {
  const known = words === undefined ? undefined : maskedValue(words);
  const value = known && ({ and: ~known.mask >>> 0, xor: known.value, from: 'packet' } as const);
  return { kind: 'mark', of: 'packet', value };
}

/** `0x4000/0x4000`, or `0x4000` alone. */
function maskedValue(words: string): { readonly value: number; readonly mask: number } | undefined {
  const [value = Number.NaN, mask = 0xffff_ffff] = words.split('/').map(Number);
  return Number.isNaN(value) || Number.isNaN(mask) ? undefined : { value, mask };
}

function markTest(field: 'mark' | 'ct mark', words: string, isNegated: boolean): Statement {
  const known = maskedValue(words);
  if (known === undefined) return { kind: 'doubt' };
  const { value, mask } = known;
  const operator = isNegated ? 'not-in' : 'in';
  return { kind: 'test', test: { subjects: [{ field, mask }], operator, patterns: () => [{ kind: 'is', value }] } };
}

function devicePattern(name: string): Pattern {
  return name.endsWith('+') ? { kind: 'begins', text: name.slice(0, -1) } : { kind: 'is', value: name };
}

function prefixPattern(text: string): Pattern {
  const address = parseIpAddress(text);
  const prefix = address === undefined ? parsePrefix(text) : hostPrefix(address);
  return prefix === undefined ? obscurePattern : { kind: 'prefix', prefix };
}

function addressRange(text: string): Pattern {
  const [first, last] = text.split('-').map(parseIpAddress);
  return first === undefined || last === undefined ? obscurePattern : { kind: 'range', first, last };
}

function protocolPattern(name: string): Pattern {
  const value = /^\d+$/.test(name) ? Number(name) : readValue('l4proto', name);
  return value === undefined ? obscurePattern : { kind: 'is', value };
}

/** Of the protocol that the rule names: without one, iptables lets nobody ask for ports. */
function portField(protocol: string, option: string): Field {
  const side = option.startsWith('--s') ? 'sport' : 'dport';
  const known = ['tcp', 'udp', 'sctp', 'dccp', 'udplite'] as const;
  const name = known.find((one) => one === protocol);
  return name === undefined ? 'obscure' : `${name} ${side}`;
}

function portPattern(text: string): Pattern {
  const [first = Number.NaN, last = first] = text.split(':').map(Number);
  return Number.isNaN(first) || Number.isNaN(last) ? obscurePattern : { kind: 'range', first, last };
}

function icmpTest(name: 'icmp' | 'icmpv6', text: string, isNegated: boolean): Statement {
  // With a code, or by a name: what asks for echoes writes a number.
  if (!/^\d+$/.test(text)) return { kind: 'doubt' };
  const test: Test = {
    subjects: [{ field: `${name} type` }],
    operator: isNegated ? 'not-in' : 'in',
    patterns: () => [{ kind: 'is', value: Number(text) }],
  };
  return { kind: 'test', test };
}

function stateTest(text: string, isNegated: boolean): Statement {
  const states = text.split(',').map((state) => ConnectionBit[state.toLowerCase() as keyof typeof ConnectionBit]);
  // `SNAT` and `DNAT` are no states, but something else about the connection.
  if (states.includes(undefined as never)) return { kind: 'doubt' };
  const patterns = states.map((value): Pattern => ({ kind: 'is', value }));
  const operator = isNegated ? 'no-bit' : 'any-bit';
  return { kind: 'test', test: { subjects: [{ field: 'ct state' }], operator, patterns: () => patterns } };
}

function flagsTest(mask: string, set: string, isNegated: boolean): Statement {
  const [masked, value] = [mask, set].map(flagBits);
  if (masked === undefined || value === undefined) return { kind: 'doubt' };
  const test: Test = {
    subjects: [{ field: 'tcp flags', mask: masked }],
    operator: isNegated ? 'not-in' : 'in',
    patterns: () => [{ kind: 'is', value }],
  };
  return { kind: 'test', test };
}

function flagBits(text: string): number | undefined {
  if (text === 'NONE') return 0;
  if (text === 'ALL') return 0x3f;
  return readBits('tcp flags', text.toLowerCase().split(','));
}
