/** Who is told of the pods, namespaces, nodes and policies by which packets are judged. */
import type { PolicyNamespace, PolicyNode, PolicyPod } from '../../policy/cluster-facts.ts';
import type { Policy } from '../../policy/policy.ts';

/** Each is told once, and again when it is another. What is removed was told before. */
export interface PolicyFactsListener {
  setPod(pod: PolicyPod): void;
  /** @param key `PolicyPod.key` */
  removePod(key: string): void;
  setNamespace(namespace: PolicyNamespace): void;
  removeNamespace(name: string): void;
  setNode(node: PolicyNode): void;
  removeNode(name: string): void;
  setPolicy(policy: Policy): void;
  /** @param title as `titleOf` of `policy/policy.ts` gives it */
  removePolicy(title: string): void;
}
