import test from 'ava';
import { isOwnLink, isOwnTun, refuseSecondDaemon } from '../../../src/daemon/host/own-links.ts';
import { ConflictError } from '../../../src/errors.ts';
import type { Link } from '../../../src/linux/link.ts';

function link(ifname: string, ifalias: string | undefined, linkinfo: Link['linkinfo']): Link {
  const base = { ifname, mtu: 1450, flags: ['UP'], addr_info: [] };
  return { ...base, ...(ifalias !== undefined && { ifalias }), ...(linkinfo !== undefined && { linkinfo }) };
}

function tun(ifname: string, ifalias?: string, numqueues = 0): Link {
  return link(ifname, ifalias, { info_kind: 'tun', info_data: { type: 'tun', vnet_hdr: true, numqueues } });
}

const veth = { info_kind: 'veth' };
const vpn = { info_kind: 'tun', info_data: { type: 'tun', vnet_hdr: false } };

const ours = test.macro({
  exec: (t, device: Link, expected: boolean) => t.is(isOwnLink(device, 'weft0'), expected),
  title: (title) => `whether it is weft's: ${title}`,
});

test('the TUN device of today', ours, tun('weft0', 'weft'), true);
test('one of today that nobody gave an alias', ours, tun('weft0'), true);
test('one of an earlier configuration, under another name', ours, tun('overlay', 'weft'), true);
test('a device of another name without an alias', ours, tun('overlay'), false);
test("somebody else's of the same name", ours, tun('weft0', 'mine'), false);
test('a VPN of the same name', ours, link('weft0', undefined, vpn), false);
test("a pod's", ours, link('wf0123abcd', 'weft:default:web', veth), true);
test("a pod's of another network", ours, link('wf0123abcd', 'weft:blue:web', veth), true);
test('one with the name of a pod only', ours, link('wf0123abcd', undefined, veth), false);
test('one with the alias of a pod only', ours, link('eth7', 'weft:default:web', veth), false);

test("a pod's device is no TUN device", (t) => t.false(isOwnTun(link('wf0123abcd', 'weft:default:web', veth))));

test('a second daemon in the network namespace is refused, and the device of the first named', (t) => {
  const error = t.throws(() => refuseSecondDaemon([tun('other', 'weft', 1)], 'weft0'), { instanceOf: ConflictError });
  t.is(error.code, 'daemon-running');
  t.regex(error.message, /\bother\b/);
});

test('what an ended daemon left, and the own device, refuse nobody', (t) => {
  t.notThrows(() =>
    refuseSecondDaemon([tun('other', 'weft', 0), tun('weft0', 'weft', 1), tun('vpn', 'x', 1)], 'weft0'),
  );
});
