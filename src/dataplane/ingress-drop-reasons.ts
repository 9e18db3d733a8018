/** The ingress half of the list in `drop-reason.ts`, in its order. */
export const ingressDropReasons = [
  {
    name: 'vxlan-truncated',
    meaning: 'the datagram is shorter than a VXLAN header',
    cause: 'something that is not VXLAN sends to the VXLAN port: a scanner, a wrong port in a configuration',
    remedy: 'capture UDP on the VXLAN port to see who sends it',
  },
  {
    name: 'vxlan-no-vni',
    meaning: 'the I flag of the VXLAN header is clear: it names no network',
    cause: 'something that is not VXLAN sends to the VXLAN port',
    remedy: 'capture UDP on the VXLAN port to see who sends it',
  },
  {
    name: 'vxlan-wrong-vni',
    meaning: 'the datagram belongs to another VXLAN network',
    cause: 'two overlays share hosts and port, or vxlan.vni differs between nodes',
    remedy: 'give all nodes the same vxlan.vni, and other overlays another port',
  },
  {
    name: 'unknown-sender',
    meaning: 'the underlay address that it came from belongs to no peer',
    cause: 'a node that has not joined yet or was declared dead, a NAT on the underlay, or a stranger',
    remedy: 'compare the endpoints in: weft peers with a capture on the underlay',
  },
  {
    name: 'remote-checksum-not-agreed',
    meaning: 'the inner checksum is left to us (VXLAN Remote Checksum Offload), which was not agreed with this peer',
    cause: 'a Linux vxlan device with remcsumtx as static peer',
    remedy: 'make that device without remcsumtx',
  },
  {
    name: 'remote-checksum-mismatch',
    meaning:
      'the inner checksum is left to us, but not where the inner packet has one, or what stands there is no partial one',
    cause: 'corruption on the way with outer checksums off, a broken or hostile sender',
    remedy: 'set dataplane.remoteChecksum to off on either node, and report it',
  },
  {
    name: 'inner-ethernet-truncated',
    meaning: 'the datagram ends within the inner Ethernet header',
    cause: 'a broken or hostile sender',
    remedy: 'capture on the underlay to see who sends it',
  },
  {
    name: 'inner-ethertype',
    meaning: 'the inner frame is neither IPv4 nor IPv6',
    cause: 'a Linux vxlan device that asks by ARP, or sends VLAN tags',
    remedy: 'give that device static neighbour entries (ip neigh) and no VLAN',
  },
  {
    name: 'inner-wrong-mac',
    meaning:
      'the inner frame is for another MAC address than that of this node, and its sender may not ask to relay it',
    cause: 'the MAC or forwarding entry of a static peer is outdated, or it floods: nothing of static peers is relayed',
    remedy: 'compare the MAC in: weft status with the neighbour and forwarding entries of the peer',
  },
  {
    name: 'inner-not-ip',
    meaning: 'the inner packet is not of the IP version that its ethertype names',
    cause: 'a broken or hostile sender',
    remedy: 'capture on the underlay to see who sends it',
  },
  {
    name: 'inner-truncated',
    meaning: 'the inner packet ends before its own headers say so',
    cause: 'a broken or hostile sender, or an underlay that cuts datagrams',
    remedy: 'capture on the underlay to see who sends it',
  },
  {
    name: 'inner-bad-length',
    meaning: 'a length field of the inner IP, TCP or UDP header is shorter than its header, or contradicts another one',
    cause: 'a broken or hostile sender',
    remedy: 'capture on the underlay to see who sends it',
  },
  {
    name: 'inner-bad-extensions',
    meaning: 'the IPv6 extension headers run out of the packet, are too many or in a forbidden order',
    cause: 'a broken or hostile sender',
    remedy: 'capture on the underlay to see who sends it',
  },
  {
    name: 'inner-bad-ip-checksum',
    meaning: 'the checksum of the inner IPv4 header is wrong',
    cause: 'corruption on the way with outer checksums off, or a broken sender',
    remedy: 'turn outer UDP checksums on at the peer (udpcsum), check its offloads',
  },
  {
    name: 'congestion-not-expected',
    meaning: 'the underlay marked congestion (ECN) on a packet whose sender does not understand the mark (RFC 6040)',
    cause: 'a congested router on the underlay that marks where it has to drop, or a peer that sets ECN on its own',
    remedy: 'look for congestion on the underlay; in place of the mark, the loss tells the sender to slow down',
  },
  {
    name: 'inner-bad-checksum',
    meaning: 'the inner TCP, UDP or ICMP checksum is wrong, and not a partial one either',
    cause: 'corruption on the way with outer checksums off, or a driver bug in checksum offload',
    remedy: 'turn tx checksum offload for tunnels off at the peer (ethtool -K), and outer UDP checksums on',
  },
  {
    name: 'forged-source',
    meaning: 'the inner source address is not in a prefix of the peer that sent it',
    cause: "masquerade is missing on the peer, a route changed hands a moment ago, or a pod's address is forged",
    remedy: 'compare the source with: weft routes; continuous: look at the sending node',
  },
  {
    name: 'destination-not-ours',
    meaning: "the inner destination is in none of this node's prefixes",
    cause: 'the sender has an older route, or a static peer sends here what is elsewhere',
    remedy: 'compare routes of both nodes; it should end within seconds',
  },
  {
    name: 'datagram-malformed-gro',
    meaning: 'the kernel joined more datagrams into one than weft takes apart',
    cause: 'a hostile sender with datagrams of a few bytes',
    remedy: 'capture on the underlay to see who sends it',
  },
  {
    name: 'tun-down',
    meaning: 'the TUN device is down or gone',
    cause: 'somebody set it down (ip link set down) or removed it',
    remedy: 'nothing, unless it goes on: weft sets the device up again; when that was: weft events --kind audit',
  },
  {
    name: 'tun-rejected',
    meaning: 'the kernel refused the packet as invalid',
    cause: 'a kernel without a segmentation offload that weft uses, or a bug in weft',
    remedy: 'report it with the kernel version',
  },
  {
    name: 'tun-buffer-full',
    meaning: 'the kernel had no memory or no queue left for the packet',
    cause: 'the node is short of memory, or overloaded',
    remedy: 'expected under overload; else look at the memory of the node',
  },
  {
    name: 'tun-write-failed',
    meaning: 'writing to the TUN device failed with an error that has no reason of its own here',
    cause: 'the log of the daemon names the error',
    remedy: 'report it with the line of the log',
  },
  {
    name: 'relay-not-announced',
    meaning:
      "the packet is one of a peer, under that peer's MAC address, but came from another that does not announce to relay",
    cause: 'relaying was turned off at that node a moment ago, or it forges packets',
    remedy: 'look for relay among the capabilities in: weft peers --json; it should end within seconds',
  },
  {
    name: 'relay-off',
    meaning: 'the packet is for another peer, and this node does not relay',
    cause: 'relaying was turned off here a moment ago',
    remedy: 'it should end within seconds; else look for relay among the capabilities in: weft peers --json',
  },
  {
    name: 'relayed-twice',
    meaning: 'the packet is for another peer, and does not come from its own sender: nothing is relayed twice',
    cause: 'two relays that take each other for the target, or a hostile sender',
    remedy: 'compare the MAC addresses in: weft peers --json on both nodes',
  },
  {
    name: 'relay-target-unknown',
    meaning: 'the packet is to be passed on to a MAC address that belongs to no peer of this node',
    cause: 'the target left, or has not joined here yet',
    remedy: 'compare: weft peers of the sender and of this node; it should end within seconds',
  },
  {
    name: 'relay-target-unreachable',
    meaning: 'the packet is to be passed on to a peer to which this node has no direct way itself',
    cause: 'the underlay between this node and the target broke a moment ago',
    remedy: 'the sender chooses another relay within seconds; look at the ways in: weft routes',
  },
  {
    name: 'relay-too-big',
    meaning: 'the packet is to be passed on, and does not fit into one datagram to its target',
    cause: 'the path to the target is smaller than the one to this node: ordinary until the sender has measured both',
    remedy: 'nothing, unless it goes on: then compare the path MTU in: weft peers of the sender and of this node',
  },
  {
    name: 'relay-underlay-unreachable',
    meaning: 'the packet is to be passed on, and the kernel has no way to the endpoint of its target',
    cause: 'an underlay link or route of this node is down',
    remedy: 'check: ip route get ENDPOINT',
  },
  {
    name: 'relay-send-buffer-full',
    meaning: 'the packet is to be passed on, and the sending socket or the queue of the underlay device is full',
    cause: 'the underlay is slower than what peers have relayed here',
    remedy: 'expected under overload; set relay to off on nodes that are not to carry the traffic of others',
  },
  {
    name: 'relay-send-forbidden',
    meaning: 'the packet is to be passed on, and the kernel refuses to send to the endpoint of its target',
    cause: 'this node itself: a firewall rule in OUTPUT, or a prohibit route',
    remedy: 'allow UDP to the VXLAN port of the peers',
  },
  {
    name: 'relay-send-failed',
    meaning: 'passing the packet on failed with an error that has no reason of its own here',
    cause: 'the log of the daemon names the error',
    remedy: 'report it with the line of the log',
  },
  {
    name: 'fault-loss-in',
    meaning: 'a fault that somebody injected at this node lost the datagram, which came from a peer',
    cause: 'weft fault add --loss, for a test',
    remedy: 'look at: weft fault list; end it with: weft fault rm',
  },
  {
    name: 'fault-clip-in',
    meaning:
      'a fault that somebody injected at this node lost the datagram of a peer, as its outer packet is longer than may pass',
    cause: 'weft fault add --clip, for a test',
    remedy: 'look at: weft fault list; end it with: weft fault rm',
  },
  {
    name: 'fault-queue-full-in',
    meaning:
      'a fault that somebody injected at this node had to hold back more datagrams of peers than it has room for',
    cause: 'weft fault add --delay or --reorder, with more traffic than fits into the delay',
    remedy: 'choose a shorter delay; look at: weft fault list; end it with: weft fault rm',
  },
  {
    name: 'fault-loss-relayed',
    meaning: 'a fault that somebody injected at this node lost the datagram when it was passed on to a peer',
    cause: 'weft fault add --loss, for a test',
    remedy: 'look at: weft fault list; end it with: weft fault rm',
  },
  {
    name: 'fault-clip-relayed',
    meaning:
      'a fault that somebody injected at this node lost what was to be passed on, as its outer packet is longer than may pass',
    cause: 'weft fault add --clip, for a test',
    remedy: 'look at: weft fault list; end it with: weft fault rm',
  },
  {
    name: 'fault-queue-full-relayed',
    meaning:
      'a fault that somebody injected at this node had to hold back more of what is passed on than it has room for',
    cause: 'weft fault add --delay or --reorder, with more traffic than fits into the delay',
    remedy: 'choose a shorter delay; look at: weft fault list; end it with: weft fault rm',
  },
] as const;
