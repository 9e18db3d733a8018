/** Whether the pods of this node and those that Kubernetes has on it are the same. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';

const finds: FindingKinds = {
  'kubernetes-pods-differ': {
    severity: 'warning',
    title: 'pods of this node are not those that Kubernetes has on it',
    cause:
      'a container was removed without CNI DEL, the runtime runs what nobody asked for any more, or another plugin gave a pod its address',
  },
};

export const kubernetesPods: DaemonCheck = {
  subject: 'pods of this node, beside those that Kubernetes has on it',
  needs: 'daemon',
  finds,
  look: ({ daemon: { differences } }) => {
    const evidence = differences.filter(({ table }) => table === 'kubernetes').map(({ message }) => message);
    if (evidence.length === 0) return [];
    const fix = byHand('compare both, and have the runtime remove what is left over', 'weft pods', 'crictl pods');
    return [found(finds, 'kubernetes-pods-differ', evidence, fix)];
  },
};
