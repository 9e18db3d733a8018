/** Features of the dataplane that can be switched off, each by the key of its name under `dataplane`. */

/** The first three need the kernel's help, and are left out as well where it does not give it. */
export const optionalFeatures = [
  'tunOffloads',
  'udpSegmentation',
  'udpCoalescing',
  'coalescing',
  'remoteChecksum',
  'ecn',
] as const;

/** One of them. */
export type OptionalFeature = (typeof optionalFeatures)[number];
