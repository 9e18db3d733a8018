/** What the dataplane makes use of, where the kernel has it and the configuration lets it: one closed list. Names are API. */

/** In order of display. */
export const features = [
  'tunChecksum',
  'tunTcpSegmentation',
  'tunUdpSegmentation',
  'udpSegmentation',
  'udpCoalescing',
  'coalescing',
  'remoteChecksum',
  'ecn',
  'outerFragmentation',
] as const;

export type Feature = (typeof features)[number];

/** Whether each is in use. */
export type Features = Readonly<Record<Feature, boolean>>;
