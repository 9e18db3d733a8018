/** `spec.ports` of a Service, as `read-service.ts` has the rest. */
import {
  problemsOfDnsLabel,
  problemsOfLabelKey,
  problemsOfPortName,
  problemsOfPortNumber,
} from '../policy/name-syntax.ts';
import type { ObjectValue } from '../policy/object-value.ts';
import type { ServiceRecordPort, ServiceType } from './service-record.ts';
import type { ServiceProtocol } from './service.ts';

const protocols = ['SCTP', 'TCP', 'UDP'] as const satisfies readonly ServiceProtocol[];

/** Of one service: each is there once for each of its addresses. Kubernetes has no limit but the length of the object. */
const MAX_PORTS = 100;

/** What no two ports have both. */
interface Taken {
  readonly names: Set<string>;
  readonly ports: Set<string>;
  readonly nodePorts: Set<string>;
}

/** Only a headless service may have none. */
export function readServicePorts(
  list: ObjectValue,
  type: ServiceType,
  isHeadless: boolean,
): readonly ServiceRecordPort[] {
  const isEmpty = !list.isSet || (Array.isArray(list.value) && list.value.length === 0);
  if (isEmpty && !isHeadless) list.required('');
  const entries = list.entries(MAX_PORTS);
  const taken: Taken = { names: new Set(), ports: new Set(), nodePorts: new Set() };
  return entries.map((entry) => readPort(entry, type, entries.length > 1, taken));
}

function readPort(entry: ObjectValue, type: ServiceType, needsName: boolean, taken: Taken): ServiceRecordPort {
  entry.allow(['appProtocol', 'name', 'nodePort', 'port', 'protocol', 'targetPort']);
  const name = readName(entry.field('name'), needsName, taken.names);
  const protocol = entry.field('protocol').oneOfOr(protocols, 'TCP');
  const port = readNumber(entry.field('port'));
  // The API server shows all fields of its own type here.
  if (isTaken(taken.ports, `${protocol} ${port}`)) entry.duplicate({ protocol, port });
  const appProtocol = entry.field('appProtocol');
  if (appProtocol.isSet)
    for (const problem of problemsOfLabelKey(appProtocol.text() ?? '')) appProtocol.invalid(problem);
  return {
    name,
    protocol,
    port,
    targetPort: readTarget(entry.field('targetPort'), port),
    nodePort: readNodePort(entry.field('nodePort'), type, protocol, taken.nodePorts),
  };
}

function readName(field: ObjectValue, isNeeded: boolean, names: Set<string>): string {
  const name = field.text() ?? '';
  if (name === '') {
    if (isNeeded) field.required('');
    return '';
  }
  for (const problem of problemsOfDnsLabel(name)) field.invalid(problem);
  if (isTaken(names, name)) field.duplicate();
  return name;
}

/** One that is not set is 0, as to the API server, and no port. */
function readNumber(field: ObjectValue): number {
  const number = field.isSet ? field.integer() : 0;
  if (number === undefined) return 0;
  for (const problem of problemsOfPortNumber(number)) field.invalid(problem, number);
  return number;
}

/** 0 and an empty name stand for none, which is the same as `port`. */
function readTarget(field: ObjectValue, port: number): number | string {
  if (typeof field.value === 'string' && field.value !== '') {
    for (const problem of problemsOfPortName(field.value)) field.invalid(problem);
    return field.value;
  }
  if (!field.isSet || field.value === 0 || field.value === '') return port;
  return readNumber(field);
}

/** `undefined`: it has none, or not yet. */
function readNodePort(
  field: ObjectValue,
  type: ServiceType,
  protocol: ServiceProtocol,
  nodePorts: Set<string>,
): number | undefined {
  const port = field.integer() ?? 0;
  if (port === 0) return undefined;
  if (type === 'ClusterIP') field.forbidden("may not be used when `type` is 'ClusterIP'");
  for (const problem of problemsOfPortNumber(port)) field.invalid(problem);
  if (isTaken(nodePorts, `${protocol} ${port}`)) field.duplicate();
  return port;
}

function isTaken(taken: Set<string>, key: string): boolean {
  const isThere = taken.has(key);
  taken.add(key);
  return isThere;
}
