import test from 'ava';
import { SystemCallError } from '../../../src/errors.ts';
import type { LoggedPacket } from '../../../src/linux/packet-log-message.ts';
import type { Denier } from '../../../src/daemon/policy/denier-names.ts';
import { type DeniedPacket, PolicyLog } from '../../../src/daemon/policy/policy-log.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const web: Denier = {
  direction: 'ingress',
  policy: 'shop/web',
  rule: '',
  text: 'isolated by shop/web',
  isAudit: false,
};
const deniers: Readonly<Record<string, Denier>> = { r1: web, r2: { ...web, isAudit: true } };

class SocketDouble {
  waiting: LoggedPacket[] = [];
  lost = 0;
  isClosed = false;
  failure: SystemCallError | undefined;

  read(most: number) {
    if (this.failure !== undefined) throw this.failure;
    const packets = this.waiting.splice(0, most);
    const lost = this.lost;
    this.lost = 0;
    return { packets, lost, isMore: this.waiting.length > 0 };
  }

  close(): void {
    this.isClosed = true;
  }
}

function logged(prefix: string): LoggedPacket {
  return { prefix, packet: Uint8Array.of(0x45), timeNs: undefined, sequence: undefined };
}

function logging() {
  const clock = new ManualClock();
  const sockets: SocketDouble[] = [];
  const refusal: { name: string | undefined } = { name: undefined };
  const open = () => {
    if (refusal.name !== undefined) throw new SystemCallError('netlink', refusal.name, 'hear');
    sockets.push(new SocketDouble());
    return sockets.at(-1)!;
  };
  const log = new PolicyLog({
    denierOf: (tag) => deniers[tag],
    clock,
    logger: silentLogger,
    realtimeNs: () => 7n,
    open,
  });
  const heard: DeniedPacket[] = [];
  log.follow((packets) => heard.push(...packets));
  return { log, clock, sockets, refusal, heard };
}

test('packets are told with who denied them, those of audit mode are counted by themselves, and those of others are nobody’s', (t) => {
  const { log, clock, sockets, heard } = logging();
  sockets[0]!.waiting = ['weft-policy r1', 'weft-policy r2', 'weft-policy r3', 'somebody r1'].map(logged);
  sockets[0]!.lost = 3;
  clock.advance(250);
  t.deepEqual(
    heard.map(({ denier, timeNs }) => [denier.rule === 'unknown' ? 'unknown' : denier.policy, denier.isAudit, timeNs]),
    [
      ['shop/web', false, 7n],
      ['shop/web', true, 7n],
      ['unknown', false, 7n],
    ],
  );
  t.deepEqual(log.counts, { denied: 2, wouldDeny: 1, lost: 3 });
});

test('however many there are, so many are taken at a time', (t) => {
  const { clock, sockets, heard } = logging();
  sockets[0]!.waiting = Array.from({ length: 1_000 }, () => logged('weft-policy r1'));
  clock.advance(250);
  t.is(heard.length, 200);
  clock.advance(200);
  t.is(heard.length, 1_000);
});

for (const [name, words] of [
  ['EPERM', /another program listens to group 4789 of NFLOG/],
  ['EBUSY', /another program listens to group 4789 of NFLOG/],
  ['EINVAL', /the kernel has no nfnetlink_log/],
  ['EMFILE', /netlink failed with EMFILE/],
] as const)
  test(`a group that cannot be had (${name}) is tried again, and said if that goes on`, (t) => {
    const { log, clock, sockets, refusal } = logging();
    refusal.name = name;
    sockets[0]!.failure = new SystemCallError('read', 'ENOTCONN', 'hear');
    clock.advance(250);
    t.true(sockets[0]!.isClosed);
    t.deepEqual(log.notices(), []);
    clock.advance(5_000);
    const [notice] = log.notices();
    t.is(notice?.code, 'policy-log-unavailable');
    t.regex(notice!.message, words);
    refusal.name = undefined;
    clock.advance(2_000);
    t.deepEqual(log.notices(), []);
    t.is(sockets.length, 2);
  });

test('after its end it hears nothing', (t) => {
  const { log, clock, sockets, heard } = logging();
  log.stop();
  t.true(sockets[0]!.isClosed);
  sockets[0]!.waiting = [logged('weft-policy r1')];
  clock.advance(10_000);
  t.deepEqual(heard, []);
});
