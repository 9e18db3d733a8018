/** What a Service of type LoadBalancer says by annotations, as Kubernetes has no fields for it. */

/** Addresses that it would like to have, with commas between them: at most one of each family. */
export const WANTED_ANNOTATION = 'weft.dev/load-balancer-addresses';

/** Services with the same value of it may have one address together. */
export const SHARING_ANNOTATION = 'weft.dev/load-balancer-sharing-key';

/** Longest value of {@link SHARING_ANNOTATION}: that of a label. */
export const MAX_SHARING_KEY = 63;
