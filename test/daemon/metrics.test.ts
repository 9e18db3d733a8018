import test from 'ava';
import { AnnouncementDelays } from '../../src/daemon/gossip/gossip-metrics.ts';
import type { Metrics } from '../../src/daemon/metrics.ts';
import { MetricsServer } from '../../src/daemon/doors/metrics-server.ts';
import { dropReasons } from '../../src/dataplane/drop-reason.ts';
import { WeftError } from '../../src/errors.ts';
import type { Member, MemberChange } from '../../src/membership/announcement.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { memberOf } from '../support/announcements.ts';
import { fixedMetrics, fixedPeers, fixedStatus } from '../support/fixed-handlers.ts';

const loopback = parseIpAddress('127.0.0.1')!;
const door = { hostNames: ['node1.example.com'], most: () => 4 };

/** Samples of a Prometheus text, by name with labels. Fails on a line that is none. */
async function samples(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name, value] = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`no sample: ${line}`);
      return [name, Number(value)];
    }),
  );
}

test('every account of every direction is a sample', async (t) => {
  const found = await samples(fixedMetrics());
  t.is(found.get('weft_packets_total{worker="0",direction="egress",account="received"}'), 1_000_000);
  t.is(found.get('weft_packets_total{worker="0",direction="egress",account="originated"}'), 2);
  t.is(found.get('weft_packets_total{worker="0",direction="egress",account="sent"}'), 999_990);
  t.is(found.get('weft_packets_total{worker="0",direction="ingress",account="delivered"}'), 500_000);
  t.is(found.get('weft_queued_packets{worker="0",direction="ingress"}'), 0);
  t.is(found.get('weft_bytes_total{worker="0",direction="ingress",account="received"}'), 26_000_000);
  t.is(found.get('weft_residual_packets'), 0);
});

for (const { name, direction } of dropReasons) {
  test(`drop reason ${name} is a sample even at zero`, async (t) => {
    const found = await samples(fixedMetrics());
    const sample = `weft_dropped_packets_total{worker="0",direction="${direction}",reason="${name}"}`;
    t.is(found.get(sample), name === 'no-route' ? 10 : 0);
  });
}

test('losses in front of weft are samples of their own', async (t) => {
  const found = await samples(fixedMetrics());
  t.is(found.get('weft_socket_overflow_datagrams_total{worker="0"}'), 7);
  t.is(found.get('weft_outer_fragmented_datagrams_total{worker="0"}'), 3);
  t.is(found.get('weft_icmp_errors_suppressed_total{worker="0"}'), 1);
  t.is(found.get('weft_tun_queue_overflow_packets_total'), 9);
  t.is(found.get('weft_gossip_socket_overflow_datagrams_total'), 5);
});

test('what rules of the kernel did is a sample of each reason', async (t) => {
  const found = await samples(fixedMetrics());
  t.is(found.get('weft_kernel_refused_packets_total{reason="not-from-a-node"}'), 12);
  t.is(found.get('weft_kernel_refused_packets_total{reason="pod-to-metrics"}'), 0);
  t.is(found.get('weft_kernel_masqueraded_connections_total'), 4);
  t.is(found.get('weft_policy_told_packets_total{verdict="denied"}'), 5);
  t.is(found.get('weft_policy_told_packets_total{verdict="would-deny"}'), 6);
  t.is(found.get('weft_policy_lost_packets_total'), 7);
});

test('members, refusals, counts and the build are samples', async (t) => {
  const found = await samples(fixedMetrics());
  t.is(found.get('weft_members{state="alive"}'), 2);
  t.is(found.get('weft_members{state="left"}'), 0);
  t.is(found.get('weft_gossip_received_datagrams_total'), 6_000);
  t.is(found.get('weft_gossip_refused_messages_total{reason="too-long"}'), 3);
  t.is(found.get('weft_remote_conversations'), 1);
  t.is(found.get('weft_remote_answered_questions_total'), 40);
  t.is(found.get('weft_remote_refused_questions_total{code="remote-busy"}'), 3);
  t.is(found.get('weft_routes'), 5);
  t.is(found.get('weft_peers'), 2);
  t.is(found.get('weft_pods'), 1);
  t.is(found.get('weft_notices'), 2);
  t.is(found.get('weft_feature_enabled{feature="udpCoalescing"}'), 0);
  t.is(found.get('weft_start_time_seconds'), 1_767_225_600);
  const build = `weft_build_info{version="0.1.0",node="n1",network="default",identity="${fixedStatus.identity}"}`;
  t.is(found.get(build), 1);
});

test('how gossip fares is samples', async (t) => {
  const found = await samples(fixedMetrics());
  t.is(found.get('weft_gossip_queue_length'), 4);
  t.is(found.get('weft_gossip_local_health'), 1);
  t.is(found.get('weft_gossip_suspicions'), 1);
  t.is(found.get('weft_gossip_refutations_total'), 2);
  t.is(found.get('weft_gossip_exchanges_failed_total'), 5);
  t.is(found.get('weft_gossip_sent_bytes_total'), 700_000);
  t.is(found.get('weft_audit_repaired_differences_total'), 3);
  t.is(found.get('weft_audit_remaining_differences'), 1);
});

test('the time from announcement to use is a histogram', async (t) => {
  const found = await samples(fixedMetrics());
  t.is(found.get('weft_announcement_to_use_seconds_bucket{le="0.1"}'), 0);
  t.is(found.get('weft_announcement_to_use_seconds_bucket{le="0.25"}'), 1);
  t.is(found.get('weft_announcement_to_use_seconds_count'), 1);
  t.is(found.get('weft_announcement_to_use_seconds_sum'), 0.2);
});

const delayed = test.macro<[MemberChange, number]>({
  exec: async (t, change, observations) => {
    const delays = new AnnouncementDelays(1_000);
    delays.used(change, 2_000);
    const { values } = await delays.histogram.get();
    t.is(values.find(({ metricName }) => metricName?.endsWith('_count'))?.value ?? 0, observations);
  },
  title: (name, _change, observations) => `${name} ${observations === 0 ? 'does not count' : 'counts'} as used`,
});

const member: Member = { ...memberOf(2), announcedMs: 1_500 };
test('a new announcement', delayed, { before: memberOf(2), after: member }, 1);
test('one of before this node was there', delayed, { before: undefined, after: { ...member, announcedMs: 900 } }, 0);
test('a suspicion', delayed, { before: member, after: { ...member, state: 'suspect' } }, 0);
test('a death', delayed, { before: undefined, after: { ...member, state: 'dead' } }, 0);
test('that a node is forgotten', delayed, { before: member, after: undefined }, 0);

test('paths are samples by the name of the peer, as far as something is known of them', async (t) => {
  const found = await samples(fixedMetrics());
  t.is(found.get('weft_path_mtu_bytes{peer="n2"}'), 1350);
  t.is(found.get('weft_path_round_trip_seconds{peer="n2"}'), 0.000214);
  t.is(found.get('weft_path_loss_ratio{peer="n2"}'), 0.02);
  t.is(found.get('weft_path_mtu_bytes{peer="legacy-vtep-in-the-basement"}'), 1450);
  t.false(found.has('weft_path_loss_ratio{peer="legacy-vtep-in-the-basement"}'));
});

test('however many peers there are, those with metrics of their own are limited', async (t) => {
  const many = Array.from({ length: 2_000 }, (_, index) => ({ ...fixedPeers[0]!, name: `n${index}` }));
  const found = await samples(fixedMetrics(fixedStatus, many));
  t.is([...found.keys()].filter((name) => name.startsWith('weft_path_mtu_bytes')).length, 500);
});

test('a second scrape does not add up with the first', async (t) => {
  const metrics = fixedMetrics();
  t.is(await metrics.text(), await metrics.text());
});

test('the server gives the metrics and nothing else', async (t) => {
  const metrics = fixedMetrics();
  const server = await MetricsServer.open({ endpoint: { address: loopback, port: 0 }, metrics, ...door });
  t.teardown(async () => await server.close());
  const response = await fetch(`http://127.0.0.1:${server.port}/metrics`);
  t.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  t.is(await response.text(), await metrics.text());
  const other = await fetch(`http://127.0.0.1:${server.port}/`);
  t.is(other.status, 404);
});

test('a port that is taken comes with the name of its holder', async (t) => {
  const metrics = fixedMetrics();
  const server = await MetricsServer.open({ endpoint: { address: loopback, port: 0 }, metrics, ...door });
  t.teardown(async () => await server.close());
  const endpoint = { address: loopback, port: server.port };
  const error = await t.throwsAsync(MetricsServer.open({ endpoint, metrics, ...door }), { instanceOf: WeftError });
  t.is(error.code, 'port-in-use');
  t.true(error.message.startsWith(`cannot serve metrics: TCP port 127.0.0.1:${server.port} is held by `));
  t.true(error.message.includes(`(pid ${process.pid})`));
});
