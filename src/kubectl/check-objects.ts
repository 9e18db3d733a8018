/** What a check makes in a cluster: a namespace, pods on chosen nodes, a service for each server. Pure. */
import { AGENT_PORT, agentProgram } from './check-agent.ts';

/** Names of its pods, which are those of its services as well. */
export const CheckPod = { client: 'client', near: 'near', far: 'far', host: 'host' } as const;
export type CheckPodName = (typeof CheckPod)[keyof typeof CheckPod];

/** Of a service. */
export const SERVICE_PORT = 80;

/** Nobody, in every distribution. */
const USER_ID = 65_534;
const LABEL = 'weft.check/pod';
/** In the image of weft it is not in PATH. */
const NODE = '"$(command -v node || echo /opt/weft/bin/node)"';

/** A Kubernetes object, as JSON. */
export type KubernetesObject = Readonly<Record<string, unknown>>;

/** Where pods go. */
export interface CheckLayout {
  readonly namespace: string;
  readonly image: string;
  readonly near: string;
  /** Absent where there is one node. */
  readonly far?: string | undefined;
}

/** All of it but the namespace. */
export function checkObjects({ namespace, image, near, far }: CheckLayout): KubernetesObject[] {
  const pods = [
    podOf(CheckPod.client, namespace, image, near, 'idle'),
    podOf(CheckPod.near, namespace, image, near, 'server'),
    podOf(CheckPod.host, namespace, image, near, 'idle'),
    ...(far === undefined ? [] : [podOf(CheckPod.far, namespace, image, far, 'server')]),
  ];
  const services = [CheckPod.near, ...(far === undefined ? [] : [CheckPod.far])].map((name) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      ipFamilyPolicy: 'PreferDualStack',
      selector: { [LABEL]: name },
      ports: [{ port: SERVICE_PORT, targetPort: AGENT_PORT, protocol: 'TCP' }],
    },
  }));
  return [...pods, ...services];
}

/** Its namespace: one pod has the network of its node, which is not allowed everywhere. */
export function checkNamespace(name: string): KubernetesObject {
  const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** The command by which a pod carries out an order. */
export function clientCommand(order: string): string[] {
  return ['sh', '-c', `exec ${NODE} -e "$AGENT" client "$1"`, 'sh', order];
}

function podOf(name: string, namespace: string, image: string, node: string, role: string): KubernetesObject {
  const isHost = name === CheckPod.host;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { [LABEL]: name } },
    spec: {
      // A node that takes no more pods has a network all the same.
      nodeName: node,
      tolerations: [{ operator: 'Exists' }],
      hostNetwork: isHost,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      restartPolicy: 'Always',
      containers: [
        {
          name: 'agent',
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', `exec ${NODE} -e "$AGENT" ${role}`],
          env: [{ name: 'AGENT', value: agentProgram() }],
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            runAsNonRoot: true,
            runAsUser: USER_ID,
            seccompProfile: { type: 'RuntimeDefault' },
          },
        },
      ],
    },
  };
}
