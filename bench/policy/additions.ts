/** What policies cost when a pod is made: ADD as the plugin asks the daemon for it, with all policies and without any, by turns. */
import * as cluster from './policy-cluster.ts';
import type { PolicyLab } from './policy-lab.ts';

/** Pods that are made at once in each round. */
export const AT_ONCE = 32;

/** In ms. */
export interface AdditionTimes {
  /** One after the other. */
  readonly single: number[];
  /** Of {@link AT_ONCE}, until the last one is there, in each round. */
  readonly together: number[];
}

export interface AdditionFigures {
  readonly withPolicies: AdditionTimes;
  readonly without: AdditionTimes;
}

/** @param lab with all policies, and left so. @param pods how many are made in each round, one after the other */
export async function measureAdditions(
  lab: PolicyLab,
  rounds: number,
  pods: number,
  progress: (step: string) => void,
): Promise<AdditionFigures> {
  const figures: AdditionFigures = {
    withPolicies: { single: [], together: [] },
    without: { single: [], together: [] },
  };
  let serial = cluster.PODS_PER_NODE;
  const some = (count: number): cluster.ClusterPod[] =>
    Array.from({ length: count }, () => cluster.clusterPod(0, serial++));
  for (let round = 0; round < rounds; round++) {
    progress(`pods are made: round ${round + 1} of ${rounds}`);
    for (const isWith of [true, false]) {
      if (!isWith) await lab.setPolicies(false);
      const { single, together } = isWith ? figures.withPolicies : figures.without;
      const made = await lab.attach(lab.a, some(pods));
      single.push(...made.ms);
      const atOnce = await lab.attach(lab.a, some(AT_ONCE), true);
      together.push(Math.max(...atOnce.ms));
      await lab.detach(lab.a, [...made.pods, ...atOnce.pods]);
    }
    await lab.setPolicies(true);
  }
  return figures;
}
