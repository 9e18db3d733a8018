/** All scenarios, in order of display. */
import type { Scenario } from './scenario.ts';
import { addressSwap, routeChange } from './scenarios/changes.ts';
import { crash, massCrash } from './scenarios/failures.ts';
import { slowNode, steady } from './scenarios/health.ts';
import { keyRotation } from './scenarios/keys.ts';
import { flappingLink, oneWayPartition, partition } from './scenarios/links.ts';
import { podBurst, podChurn, podJoin, podOwnerCutOff, podSteady } from './scenarios/pods.ts';
import { rulebookBurst, rulebookChange, rulebookJoin } from './scenarios/rulebook.ts';
import { joinStorm, rollingRestart, totalRestart } from './scenarios/starts.ts';

export const scenarios: readonly Scenario[] = [
  joinStorm,
  routeChange,
  crash,
  rollingRestart,
  massCrash,
  partition,
  oneWayPartition,
  flappingLink,
  slowNode,
  totalRestart,
  addressSwap,
  keyRotation,
  steady,
  podSteady,
  podChurn,
  podBurst,
  podOwnerCutOff,
  podJoin,
  rulebookChange,
  rulebookBurst,
  rulebookJoin,
];
