/**
 * A Kubernetes API server for nodes of a lab: `node kubernetes-script.ts ADDRESS`. It says first where it is, as an `ApiPlace`; then each
 * line of its input is an object that is another one now, as `ObjectLine`:
 *
 *     {"resource": "networkpolicies", "object": {"metadata": {"namespace": "shop", "name": "web"}, "spec": ...}}
 *     {"resource": "networkpolicies", "object": {"metadata": {"namespace": "shop", "name": "web"}}, "isGone": true}
 *
 * It ends, and removes its files, when its input does.
 */
import { createInterface } from 'node:readline';
import { KubernetesDouble, type ObjectLine } from './kubernetes-double.ts';

const double = new KubernetesDouble();
const api = await double.open(process.argv[2]);
createInterface({ input: process.stdin })
  .on('line', (line) => double.tell(JSON.parse(line) as ObjectLine))
  .on('close', () => void api[Symbol.asyncDispose]());
process.stdout.write(`${JSON.stringify(api.place)}\n`);
