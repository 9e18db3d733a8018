/** The parts of the daemon that the doctor looks at. */
import type { PolicyFacts, ServiceFacts } from '../../doctor/facts.ts';
import type { Audit } from '../audit/audit.ts';
import type { Config } from '../config/config.ts';
import type { Dataplane } from '../worker/dataplane.ts';
import type { Gossip } from '../gossip/gossip.ts';
import type { GossipKeys } from '../gossip/gossip-keys.ts';
import type { IncarnationKeeper } from '../state/node-identity.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { PathProber } from '../routes/path-prober.ts';
import type { Pods } from '../pods/pods.ts';
import type { StateDirectory } from '../state/state-directory.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import type { Status } from '../../api/control-api.ts';
import type { Underlay } from '../underlay/underlay.ts';

/** All of them stay their owners'. */
export interface DoctorParts {
  readonly config: Config;
  readonly dataplane: Dataplane;
  readonly gossip: Gossip;
  /** Absent where authentication is off. */
  readonly keys: GossipKeys | undefined;
  readonly routes: OverlayRoutes;
  /** Absent where paths are not probed. */
  readonly paths: PathProber | undefined;
  readonly pods: Pods;
  readonly audit: Audit;
  readonly identity: string;
  readonly incarnations: Pick<IncarnationKeeper, 'saveAgain'>;
  readonly state: Pick<StateDirectory, 'failing'>;
  /** The one in use at the moment. */
  readonly underlay: () => Underlay;
  readonly overlayMtuBytes: number;
  readonly status: () => Status;
  /** Of network policies, if the kernel has just that now; `undefined`: there is none, or the kernel has something else. */
  readonly policyPlan: () => Promise<PlanState | undefined>;
  /** Of services, the number of addresses and ports that the kernel has, if it has just those; `undefined`: as above. */
  readonly knownFrontends: () => Promise<number | undefined>;
  /** Titles of pods of Kubernetes, if its API is not asked. */
  readonly unaskedPods: () => readonly string[];
  /** Looks at network policies; `undefined`: none are enforced here. */
  readonly surveyPolicies: () => Promise<{ readonly facts: PolicyFacts; readonly unseen: string } | undefined>;
  /** Looks at services; `undefined`: others have them. */
  readonly surveyServices: () => Promise<{ readonly facts: ServiceFacts; readonly unseen: string } | undefined>;
}
