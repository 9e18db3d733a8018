/** The egress half of the list in `drop-reason.ts`, in its order. */
export const egressDropReasons = [
  {
    name: 'packet-not-ip',
    meaning: 'what was read from the TUN device is neither IPv4 nor IPv6',
    cause: 'a program writes to the device with a raw packet socket',
    remedy: 'find the program with: ss --packet --processes',
  },
  {
    name: 'packet-truncated',
    meaning: 'the packet ends before its own headers say so',
    cause: 'a raw socket on this node or in a pod sends broken packets',
    remedy: 'capture on the TUN device to see who sends it',
  },
  {
    name: 'packet-bad-length',
    meaning: 'length fields of the IP or UDP header contradict the length of the packet',
    cause: 'a raw socket on this node or in a pod sends broken packets',
    remedy: 'capture on the TUN device to see who sends it',
  },
  {
    name: 'packet-bad-extensions',
    meaning: 'the IPv6 extension headers run out of the packet, are too many or in a forbidden order',
    cause: 'a raw socket on this node or in a pod sends broken packets',
    remedy: 'capture on the TUN device to see who sends it',
  },
  {
    name: 'offload-malformed',
    meaning: 'the virtio-net header before the packet contradicts the packet',
    cause: 'a packet socket with PACKET_VNET_HDR sends broken packets',
    remedy: 'capture on the TUN device to see who sends it; if it is ordinary traffic, report a bug in weft',
  },
  {
    name: 'offload-unsupported',
    meaning: 'the kernel asks for a kind of segmentation that weft never offered',
    cause: 'another program changed the offload flags of the TUN device',
    remedy: 'restart the daemon, which sets them again',
  },
  {
    name: 'too-many-segments',
    meaning: 'a super-packet would become more segments than weft makes of one packet',
    cause: 'a pod sends super-packets with segments of a few bytes',
    remedy: 'raise the MSS or the UDP_SEGMENT size of the application',
  },
  {
    name: 'destination-not-unicast',
    meaning: 'the destination is a multicast, broadcast, link-local, loopback or unspecified address',
    cause: 'service discovery (mDNS, SSDP), neighbour discovery or multicast routing on the TUN device',
    remedy: 'nothing: the overlay carries unicast only',
  },
  {
    name: 'node-link-control',
    meaning: 'the kernel of this node talks to the link, as on any device: MLD, IGMP, router or neighbour discovery',
    cause: 'the device came up, or a program of this node joined a multicast group on it',
    remedy: 'nothing: nobody is on that link to hear it; it is counted, and not shown among drops',
    isBackground: true,
  },
  {
    name: 'source-not-local',
    meaning: "the source is in none of this node's prefixes; it was told that this is prohibited",
    cause: 'a pod uses an address that it was not given, or the node sends from its underlay address',
    remedy: "check the pod's addresses, and that the cluster routes of this node name its overlay address as source",
  },
  {
    name: 'no-route',
    meaning: 'no node has announced a prefix that covers the destination; the sender was told that there is no route',
    cause: 'the destination node is down or has not joined yet, or nobody has that address',
    remedy: 'look for the prefix in: weft routes; for the node in: weft peers',
  },
  {
    name: 'destination-local',
    meaning:
      'the kernel sent to the TUN device what belongs to a pod of this node; the sender was told that it is unreachable',
    cause: 'the pod is gone, or the routes of this node were changed by someone else',
    remedy:
      'compare: ip route get ADDRESS and weft pod list; weft puts its routes back within a second: weft events --kind audit',
  },
  {
    name: 'packet-too-big',
    meaning: 'the packet does not fit into one datagram to that peer and must not be fragmented; the pod was told',
    cause: 'the path to the peer is smaller than the MTU of the pod: ordinary, once per connection',
    remedy: 'nothing, unless it goes on: then the pod ignores ICMP errors; compare the MTU in: weft peers with its own',
  },
  {
    name: 'underlay-unreachable',
    meaning: 'the kernel has no way to the endpoint of the peer',
    cause: 'an underlay link or route is down, or the underlay address of this node is gone',
    remedy: 'check: ip route get ENDPOINT',
  },
  {
    name: 'send-buffer-full',
    meaning: 'the sending socket or the queue of the underlay device is full',
    cause: 'the underlay is slower than what the pods send',
    remedy: 'expected under overload; raise net.core.wmem_max if it happens in bursts',
  },
  {
    name: 'send-forbidden',
    meaning: 'the kernel refuses to send to the endpoint of the peer',
    cause: 'this node itself: a firewall rule in OUTPUT, or a prohibit route',
    remedy: 'allow UDP to the VXLAN port of the peers',
  },
  {
    name: 'datagram-too-big',
    meaning:
      'the datagram is larger than the underlay device carries; fragmenting is forbidden (RFC 7348, section 4.3)',
    cause: 'MTU of the underlay device was lowered while the daemon runs',
    remedy: 'set underlay.mtu, or restart the daemon, which reads it again',
  },
  {
    name: 'send-failed',
    meaning: 'sending failed with an error that has no reason of its own here',
    cause: 'the log of the daemon names the error',
    remedy: 'report it with the line of the log',
  },
  {
    name: 'overlay-below-ipv6-minimum',
    meaning: 'an IPv6 packet of up to 1280 bytes does not fit into one datagram to that peer, and IPv6 allows no less',
    cause: 'the path to the peer is small, and fragmenting the outer packet is turned off or lacks the right (NET_RAW)',
    remedy: 'turn pathMtu.outerFragmentation on, or raise the MTU of the underlay to 1350 or more',
  },
  {
    name: 'icmp-error-undelivered',
    meaning: 'an ICMP error of weft to a pod could not be written to the TUN device',
    cause: 'the TUN device is down',
    remedy: 'nothing, unless it goes on: weft sets the device up again; when that was: weft events --kind audit',
  },
  {
    name: 'fault-loss-out',
    meaning: 'a fault that somebody injected at this node lost the datagram on its way to the peer',
    cause: 'weft fault add --loss, for a test',
    remedy: 'look at: weft fault list; end it with: weft fault rm',
  },
  {
    name: 'fault-clip-out',
    meaning:
      'a fault that somebody injected at this node lost the datagram, as its outer packet is longer than may pass',
    cause: 'weft fault add --clip, for a test',
    remedy: 'look at: weft fault list; end it with: weft fault rm',
  },
  {
    name: 'fault-queue-full-out',
    meaning:
      'a fault that somebody injected at this node had to hold back more datagrams to peers than it has room for',
    cause: 'weft fault add --delay or --reorder, with more traffic than fits into the delay',
    remedy: 'choose a shorter delay; look at: weft fault list; end it with: weft fault rm',
  },
] as const;
