import test from 'ava';
import { planLab } from '../../src/lab/topology.ts';
import { underlayBatches, underlayEnds } from '../../src/lab/underlay-links.ts';

const plan = planLab({
  name: 'lab',
  nodes: 1,
  podsPerNode: 1,
  underlayMtuBytes: 1400,
  ipv6Underlay: false,
  plainUnderlay: true,
  settings: {},
});

test('the underlay is made inside its namespaces, link by link', (t) => {
  t.deepEqual(underlayBatches(plan), [
    {
      netns: undefined,
      lines: [
        'netns add lab-switch',
        'netns add lab-world',
        'netns add lab-n1',
        'netns add lab-n1-p1',
        'link add name n1 netns lab-switch mtu 1400 type veth peer name eth0 netns lab-n1 mtu 1400',
        'link add name world netns lab-switch mtu 1400 type veth peer name eth0 netns lab-world mtu 1400',
      ],
    },
    {
      netns: 'lab-switch',
      lines: [
        'link add name br0 mtu 1400 type bridge mcast_snooping 0',
        'link set br0 addrgenmode none up',
        'link set n1 master br0 addrgenmode none up',
        'link set world master br0 addrgenmode none up',
      ],
    },
    {
      netns: 'lab-world',
      lines: [
        'link set lo up',
        'address add 198.19.255.1/32 dev lo',
        'address add fd00:198:19::1/128 dev lo',
        'link set eth0 up',
        'address add 198.18.255.254/16 dev eth0',
        'address add fd00:198:18::ffff/64 dev eth0 nodad',
      ],
    },
    {
      netns: 'lab-n1',
      lines: [
        'link set lo up',
        'link set eth0 up',
        'address add 198.18.0.1/16 dev eth0',
        'address add fd00:198:18::1/64 dev eth0 nodad',
        'route replace default via 198.18.255.254 dev eth0',
        'route replace default via fd00:198:18::ffff dev eth0',
      ],
    },
    { netns: 'lab-n1-p1', lines: ['link set lo up'] },
  ]);
});

test('a plain underlay concerns both ends of every link', (t) => {
  t.deepEqual(underlayEnds(plan), [
    { netns: 'lab-switch', device: 'n1' },
    { netns: 'lab-n1', device: 'eth0' },
    { netns: 'lab-switch', device: 'world' },
    { netns: 'lab-world', device: 'eth0' },
  ]);
});
