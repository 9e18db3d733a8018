/** Pods that do nothing, and end at once. */
import { BUSYBOX_IMAGE } from '../support/busybox-image.ts';

const spec = {
  terminationGracePeriodSeconds: 0,
  // They ask nothing of the API.
  automountServiceAccountToken: false,
  containers: [{ name: 'main', image: BUSYBOX_IMAGE, imagePullPolicy: 'Never', command: ['sleep', '36000'] }],
};

/** One that stays on its node, also while that is away. @param node name of its Node object */
export function sleepingPod(name: string, node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { ...spec, nodeSelector: { 'kubernetes.io/hostname': node }, tolerations: [{ operator: 'Exists' }] },
  };
}

/** Some wherever there is room, with the label `app` of this name. */
export function sleepingDeployment(name: string, replicas: number): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}
