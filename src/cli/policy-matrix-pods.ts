/** Which pods a matrix is about. */
import { WeftError } from '../errors.ts';
import type { PolicyPod } from '../policy/cluster-facts.ts';
import type { AskedPods } from './policy-question.ts';

/** Of a matrix that a program reads: 65 280 cells. */
const MAX_PODS = 256;

/** Namespaces that a message names. */
const MAX_NAMED = 8;

/**
 * @param namespaces `undefined`: all
 * @param most that a table has room for; `undefined`: it is for a program
 * @throws WeftError `usage` that says how to ask for fewer
 */
export function chooseMatrixPods(
  { pods, ended, withoutAddress, where }: AskedPods,
  namespaces: readonly string[] | undefined,
  most: number | undefined,
): { readonly pods: readonly PolicyPod[]; readonly notes: readonly string[] } {
  const present = [...Map.groupBy(pods, ({ namespace }) => namespace)].map(
    ([name, those]) => `${name} ${those.length}`,
  );
  const named = `${present.slice(0, MAX_NAMED).join(', ')}${present.length > MAX_NAMED ? ', …' : ''}`;
  const absent = namespaces?.find((name) => !pods.some(({ namespace }) => namespace === name));
  if (absent !== undefined)
    throw new WeftError('usage', `--namespace: no pod of ${absent} is ${where}; those that have some: ${named}`);
  const those = pods.filter(({ namespace }) => namespaces?.includes(namespace) ?? true);
  const chosen = those.filter(({ hostNetwork }) => !hostNetwork);
  const limit = most ?? MAX_PODS;
  if (chosen.length > limit) {
    const what = most === undefined ? `more than ${MAX_PODS}` : `more than the ${limit} that a table has room for here`;
    const how = `--namespace NAME gives those of one${most === undefined ? '' : `, --json up to ${MAX_PODS}`}`;
    throw new WeftError('usage', `${chosen.length} pods (${named}), ${what}: ${how}`);
  }
  const ofNodes = those.length - chosen.length;
  const unaddressed = chosen.filter(({ key }) => withoutAddress.has(key)).length;
  return {
    pods: chosen,
    notes: [
      ...(ofNodes === 0 ? [] : [`left out: ${ofNodes} with the network of ${ofNodes === 1 ? 'its' : 'their'} node`]),
      ...(ended === 0 ? [] : [`left out: ${ended} that ${ended === 1 ? 'has' : 'have'} ended`]),
      ...(unaddressed === 0
        ? []
        : [`${unaddressed} have no address yet: of ipBlocks, only those of the whole world mean them`]),
    ],
  };
}
