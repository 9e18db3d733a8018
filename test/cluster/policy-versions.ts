/** Of foreign tests of network policies. */

export const CYCLONUS_VERSION = '0.5.6';

/** Of network-policy-api. Its ClusterNetworkPolicy is `v1beta1`. */
export const POLICY_API_VERSION = '0.3.0';
