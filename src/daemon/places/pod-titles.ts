/** What to call the pod that has an address, wherever it is: `n2/web`, `n2/shop/web`. */
import type { PodIndex } from '../../directory/pod-index.ts';
import { podTitle } from '../../directory/pod-name.ts';
import { parseIpAddress } from '../../wire/address.ts';

/** The title of the pod at an address; empty if no pod of the cluster has it. */
export type TitleAt = (address: string) => string;

/** For one report: of the same addresses again and again, each is looked up once. @param nodeName of an identity */
export function titlesOnce(index: Pick<PodIndex, 'at'>, nodeName: (identity: string) => string | undefined): TitleAt {
  const known = new Map<string, string>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const address = parseIpAddress(text);
    const pod = address && index.at(address);
    const node = pod && nodeName(pod.owner);
    const title = node === undefined ? '' : `${node}/${podTitle(pod!.namespace, pod!.name)}`;
    known.set(text, title);
    return title;
  };
}
