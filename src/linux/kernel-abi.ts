/**
 * The kernel's binary interface, as far as weft speaks it: constants, and sizes and offsets of structures in bytes.
 *
 * Names are the kernel's own, so that they can be looked up in its headers and manual pages. Values are those of 64-bit,
 * little-endian Linux with the generic ABI (x86-64, arm64). `test/linux/kernel-abi.test.ts` compares every row with the
 * kernel headers, by compiling a program.
 */

/** Constants, by the name they have in the headers. */
export const Abi = {
  // open(2), mmap(2)
  O_RDONLY: 0,
  O_RDWR: 2,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  PROT_READ: 1,
  PROT_WRITE: 2,
  MAP_PRIVATE: 0x02,
  MAP_ANONYMOUS: 0x20,

  // fcntl(2)
  F_DUPFD_CLOEXEC: 1030,
  // eventfd(2), poll(2)
  EFD_NONBLOCK: 0o4000,
  EFD_CLOEXEC: 0o2000000,
  POLLIN: 0x001,
  POLLOUT: 0x004,
  POLLERR: 0x008,
  POLLHUP: 0x010,
  POLLNVAL: 0x020,

  // socket(2)
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,

  // setsockopt(2)
  SOL_SOCKET: 1,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_REUSEPORT: 15,
  SO_ATTACH_FILTER: 26,
  SO_SNDBUFFORCE: 32,
  SO_RCVBUFFORCE: 33,
  SO_RXQ_OVFL: 40,
  SO_MEMINFO: 55,
  SK_MEMINFO_DROPS: 8,
  SK_MEMINFO_VARS: 9,
  IPPROTO_IP: 0,
  IP_TOS: 1,
  IP_TTL: 2,
  IP_MTU_DISCOVER: 10,
  IP_RECVTOS: 13,
  IP_NODEFRAG: 22,
  IP_PMTUDISC_PROBE: 3,
  IPPROTO_IPV6: 41,
  IPV6_MTU_DISCOVER: 23,
  IPV6_PMTUDISC_PROBE: 3,
  IPV6_V6ONLY: 26,
  IPV6_HOPLIMIT: 52,
  IPV6_RECVTCLASS: 66,
  IPV6_TCLASS: 67,
  IPPROTO_TCP: 6,
  TCP_MAXSEG: 2,
  IPPROTO_UDP: 17,
  IPPROTO_RAW: 255,
  UDP_SEGMENT: 103,
  UDP_GRO: 104,
  BPF_RET: 0x06,
  BPF_K: 0x00,

  // /dev/net/tun
  IFNAMSIZ: 16,
  TUNSETIFF: 0x40_04_54_ca,
  TUNSETPERSIST: 0x40_04_54_cb,
  TUNSETOFFLOAD: 0x40_04_54_d0,
  TUNSETVNETHDRSZ: 0x40_04_54_d8,
  IFF_TUN: 0x0001,
  IFF_NO_PI: 0x1000,
  IFF_VNET_HDR: 0x4000,
  IFF_MULTI_QUEUE: 0x0100,
  TUN_F_CSUM: 0x01,
  TUN_F_TSO4: 0x02,
  TUN_F_TSO6: 0x04,
  TUN_F_USO4: 0x20,
  TUN_F_USO6: 0x40,

  // netlink(7), rtnetlink(7)
  NETLINK_ROUTE: 0,
  NLM_F_REPLACE: 0x100,
  RTMGRP_LINK: 0x1,
  RTMGRP_IPV4_IFADDR: 0x10,
  RTMGRP_IPV4_ROUTE: 0x40,
  RTMGRP_IPV6_IFADDR: 0x100,
  RTMGRP_IPV6_ROUTE: 0x400,
  RTM_NEWLINK: 16,
  RTM_DELLINK: 17,
  RTM_NEWADDR: 20,
  RTM_DELADDR: 21,
  RTM_NEWROUTE: 24,
  RTM_DELROUTE: 25,
  RT_TABLE_MAIN: 254,
  IFF_UP: 0x1,
  IFLA_IFNAME: 3,
  IFLA_MTU: 4,
  IFLA_IFALIAS: 20,
  IFA_ADDRESS: 1,
  IFA_LOCAL: 2,
  RTA_DST: 1,

  // netlink(7), nftables
  NETLINK_NETFILTER: 12,
  NFNLGRP_NFTABLES: 7,
  NFT_MSG_NEWSETELEM: 12,
  NFT_MSG_NEWGEN: 15,
  NFTA_TABLE_NAME: 1,
  NFPROTO_ARP: 3,
  NFNLGRP_NFTRACE: 9,
  NFNL_SUBSYS_NFTABLES: 10,
  NFT_MSG_TRACE: 17,
  NFTA_TRACE_TABLE: 1,
  NFTA_TRACE_CHAIN: 2,
  NFTA_TRACE_RULE_HANDLE: 3,
  NFTA_TRACE_TYPE: 4,
  NFTA_TRACE_VERDICT: 5,
  NFTA_TRACE_ID: 6,
  NFTA_TRACE_NETWORK_HEADER: 8,
  NFTA_TRACE_TRANSPORT_HEADER: 9,
  NFTA_TRACE_POLICY: 16,
  NFT_TRACETYPE_POLICY: 1,
  NFT_TRACETYPE_RETURN: 2,
  NFT_TRACETYPE_RULE: 3,
  NFTA_VERDICT_CODE: 1,
  NFTA_VERDICT_CHAIN: 2,
  NF_DROP: 0,
  NF_ACCEPT: 1,
  NF_STOLEN: 2,
  NF_QUEUE: 3,
  NFT_CONTINUE: -1,
  NFT_JUMP: -3,
  NFT_GOTO: -4,
  NFT_RETURN: -5,
  NFPROTO_INET: 1,
  NFPROTO_NETDEV: 5,

  // sched_setscheduler(2)
  SCHED_RR: 2,
  SCHED_RESET_ON_FORK: 0x40_00_00_00,

  // getrlimit(2)
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,

  // namespaces
  CLONE_NEWNET: 0x40_00_00_00,
  NSFS_MAGIC: 0x6e_73_66_73,
  NS_GET_NSTYPE: 0xb7_03,
} as const;

/** Structures: `size`, and the offset of each field that weft touches, in bytes. Names are those of the C structures. */
export const Struct = {
  ifreq: { size: 40, ifr_name: 0, ifr_flags: 16 },
  iovec: { size: 16, iov_base: 0, iov_len: 8 },
  msghdr: {
    size: 56,
    msg_name: 0,
    msg_namelen: 8,
    msg_iov: 16,
    msg_iovlen: 24,
    msg_control: 32,
    msg_controllen: 40,
    msg_flags: 48,
  },
  mmsghdr: { size: 64, msg_hdr: 0, msg_len: 56 },
  cmsghdr: { size: 16, cmsg_len: 0, cmsg_level: 8, cmsg_type: 12 },
  sockaddr_in: { size: 16, sin_family: 0, sin_port: 2, sin_addr: 4 },
  sockaddr_in6: { size: 28, sin6_family: 0, sin6_port: 2, sin6_flowinfo: 4, sin6_addr: 8, sin6_scope_id: 24 },
  pollfd: { size: 8, fd: 0, events: 4, revents: 6 },
  sock_fprog: { size: 16, len: 0, filter: 8 },
  sock_filter: { size: 8, code: 0, jt: 2, jf: 3, k: 4 },
  timespec: { size: 16, tv_sec: 0, tv_nsec: 8 },
  rlimit: { size: 16, rlim_cur: 0, rlim_max: 8 },
  statfs: { size: 120, f_type: 0 },
  sockaddr_nl: { size: 12, nl_family: 0, nl_pid: 4, nl_groups: 8 },
  nlmsghdr: { size: 16, nlmsg_len: 0, nlmsg_type: 4, nlmsg_flags: 6 },
  ifinfomsg: { size: 16, ifi_index: 4, ifi_flags: 8 },
  ifaddrmsg: { size: 8, ifa_index: 4 },
  rtmsg: { size: 12, rtm_family: 0, rtm_dst_len: 1, rtm_table: 4, rtm_protocol: 5 },
  nfgenmsg: { size: 4, nfgen_family: 0 },
  nlattr: { size: 4, nla_len: 0, nla_type: 2 },
  virtio_net_hdr: { size: 10, flags: 0, gso_type: 1, hdr_len: 2, gso_size: 4, csum_start: 6, csum_offset: 8 },
} as const;

/** `CMSG_ALIGN`: where the control message after one of `lengthBytes` begins, relative to it. */
export function alignControlMessage(lengthBytes: number): number {
  return (lengthBytes + 7) & ~7;
}
