import test from 'ava';
import { compileFilter } from '../../src/capture/bpf-compiler.ts';
import { compileExpression } from '../../src/linux/packet-filter.ts';
import { ipPacket, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { withLibpcap } from '../support/with-libpcap.ts';

const v4 = { source: [10, 1, 0, 2], destination: [10, 2, 0, 3] } as const;
const v6 = {
  source: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 1],
  destination: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 2],
} as const;

const packets = {
  syn: ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x02, []) }),
  data: ipPacket({ ...v4, protocol: 6, transport: tcpSegment(2, 0x18, [1, 2, 3]), options: [1, 1, 1, 0] }),
  fragment: ipPacket({ ...v4, protocol: 17, transport: [0, 1, 2, 3], fragment: 0x2001 }),
  dns: ipPacket({ ...v6, protocol: 17, transport: udpDatagram([1, 2]) }),
  echo: ipPacket({ ...v6, protocol: 58, transport: [128, 0, 0, 0, 0, 1, 0, 1] }),
};

const selects = test.macro({
  exec(t, expression: string, expected: readonly (keyof typeof packets)[]) {
    const filter = compileFilter(compileExpression(expression));
    const selected = Object.entries(packets).filter(([, packet]) => filter(packet, 0, packet.length) !== 0);
    t.deepEqual(
      selected.map(([name]) => name),
      [...expected],
    );
  },
  title: (_, expression: string) => `selects what "${expression}" means`,
});

withLibpcap(selects, '', ['syn', 'data', 'fragment', 'dns', 'echo']);
withLibpcap(selects, 'ip', ['syn', 'data', 'fragment']);
withLibpcap(selects, 'ip6', ['dns', 'echo']);
withLibpcap(selects, 'tcp port 5201', ['syn', 'data']);
withLibpcap(selects, 'tcp[tcpflags] & tcp-syn != 0', ['syn']);
withLibpcap(selects, 'udp', ['fragment', 'dns']);
withLibpcap(selects, 'port 53', ['dns']);
withLibpcap(selects, 'icmp6 and dst host fd00::2', ['echo']);
withLibpcap(selects, 'src net 10.1.0.0/16 and not tcp', ['fragment']);
withLibpcap(selects, 'greater 48', ['dns', 'echo']);
withLibpcap(selects, 'ip[6:2] & 0x1fff != 0', ['fragment']);

const refuses = test.macro({
  exec(t, expression: string, words: RegExp) {
    t.throws(() => compileExpression(expression), { code: 'filter-invalid', message: words });
  },
  title: (_, expression: string) => `refuses "${expression}" in libpcap's words`,
});

withLibpcap(refuses, 'tcp prt 80', /^filter 'tcp prt 80': .*syntax error/);
withLibpcap(refuses, 'ip broadcast', /netmask not known/);
withLibpcap(refuses, 'vlan 3', /no VLAN support/);
withLibpcap(refuses, 'host 10.1.2.300', /./);
withLibpcap(refuses, 'tcp and udp port 70000', /./);

withLibpcap('can be asked again after a refusal', (t) => {
  for (let round = 0; round < 100; round++) {
    t.throws(() => compileExpression('and and'), { code: 'filter-invalid' });
    t.true(compileExpression('tcp').length > 1);
  }
});
