import test from 'ava';
import type { DeniedPacket } from '../../../src/daemon/policy/policy-log.ts';
import {
  DENIALS_INTERVAL_MS,
  MAX_TOLD,
  MAX_TOLD_OF_SOURCE,
  ToldDenials,
} from '../../../src/daemon/policy/told-denials.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { syntheticPacket } from '../../../src/explain/synthetic-packet.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { address } from '../../support/policy-cluster.ts';

const text = 'isolated by shop/web, no rule matches';

function denied(
  source: string,
  destinationPort: number,
  change: Partial<DeniedPacket['denier']> = {},
  sourcePort = 40_000,
): DeniedPacket {
  const ends = { source: address(source), destination: address('10.244.1.2') };
  const packet = syntheticPacket({ ...ends, protocol: 6, sourcePort, destinationPort, sizeBytes: 60 });
  return {
    denier: { direction: 'ingress', policy: 'shop/web', rule: '', text, isAudit: false, ...change },
    packet,
    timeNs: 0n,
  };
}

function telling() {
  const events = new EventLog(() => 0);
  const clock = new ManualClock();
  const denials = new ToldDenials(events, clock);
  return { clock, denials, told: () => events.list({ kinds: ['policy-denied'] }) };
}

test('of each flow and rule the first packet is told', (t) => {
  const { denials, told } = telling();
  denials.hear([denied('10.244.2.2', 80), denied('10.244.2.2', 80), denied('10.244.2.2', 80, {}, 40_001)]);
  t.deepEqual(
    told().map(({ subject, message, details }) => ({ subject, message, details })),
    [
      {
        subject: 'shop/web',
        message: `tcp 80 from 10.244.2.2 to 10.244.1.2 is denied: ingress, ${text}`,
        details: {
          source: '10.244.2.2',
          destination: '10.244.1.2',
          protocol: 6,
          destinationPort: 80,
          direction: 'ingress',
          policy: 'shop/web',
          rule: '',
          isAudit: false,
          others: 0,
        },
      },
    ],
  );
  denials.hear([denied('10.244.2.2', 81), denied('10.244.2.3', 80), denied('10.244.2.2', 80, { text: 'another' })]);
  t.is(told().length, 4);
});

test('what a policy in audit mode would deny is told as that', (t) => {
  const { denials, told } = telling();
  denials.hear([denied('10.244.2.2', 80, { isAudit: true })]);
  t.regex(told()[0]!.message, /would be denied, and passed/);
});

test('who sends many flows fills nothing and hides nobody, and how many packets are not told is', (t) => {
  const { clock, denials, told } = telling();
  const ports = Array.from({ length: 1_000 }, (_, index) => index + 1);
  const flood = (sources: readonly string[]): void =>
    denials.hear(sources.flatMap((source) => ports.map((port) => denied(source, port))));
  const others = () => told().at(-1)!.details['others'];
  flood(['10.244.2.2']);
  t.is(told().length, MAX_TOLD_OF_SOURCE);
  denials.hear([denied('10.244.2.3', 80)]);
  t.is(told().at(-1)!.details['source'], '10.244.2.3');
  clock.advance(DENIALS_INTERVAL_MS);
  t.is(others(), 1_000 - MAX_TOLD_OF_SOURCE);
  t.is(told().length, MAX_TOLD_OF_SOURCE + 2);
  clock.advance(10 * DENIALS_INTERVAL_MS);
  t.is(told().length, MAX_TOLD_OF_SOURCE + 2);
  // What was not told is new again.
  flood(['10.244.2.2']);
  t.is(told().length, 2 * MAX_TOLD_OF_SOURCE + 2);
  const before = told().length;
  clock.advance(DENIALS_INTERVAL_MS);
  flood(Array.from({ length: 30 }, (_, index) => `10.244.3.${index}`));
  t.is(told().length, before + 1 + MAX_TOLD);
  clock.advance(DENIALS_INTERVAL_MS);
  t.is(others(), 30_000 - MAX_TOLD);
});

test('what is no packet, or of no protocol with ports, is no reason to fail', (t) => {
  const { denials, told } = telling();
  const { denier } = denied('10.244.2.2', 80);
  denials.hear([{ denier, packet: new Uint8Array(), timeNs: 0n }]);
  t.is(told().length, 0);
  const ends = { source: address('10.244.2.2'), destination: address('10.244.1.2') };
  const packet = syntheticPacket({ ...ends, protocol: 1, sourcePort: 0, destinationPort: 0, sizeBytes: 84 });
  denials.hear([{ denier, packet, timeNs: 0n }]);
  t.regex(told()[0]!.message, /^icmp from 10\.244\.2\.2 to 10\.244\.1\.2 is denied/);
});
