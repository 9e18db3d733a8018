/** Which of a node's pods is meant by a name. */
import type { Pod } from '../../api/control-api.ts';
import { podTitle } from '../../directory/pod-name.ts';

/**
 * The pods that bear their names. Of containers of one name, as there are while a runtime replaces one, that is the newest; its interfaces
 * are one pod, with the addresses of all of them.
 *
 * @param pods one for each interface, the oldest first
 */
export function namedPods<Named extends Pick<Pod, 'namespace' | 'name' | 'addresses' | 'attachment'>>(
  pods: readonly Named[],
): Named[] {
  const byTitle = Map.groupBy(pods, ({ namespace, name }) => podTitle(namespace, name));
  return Array.from(byTitle.values(), (ofName) => {
    const newest = ofName.at(-1)!;
    const interfaces = ofName.filter(({ attachment }) => attachment?.containerId === newest.attachment?.containerId);
    return { ...interfaces[0]!, addresses: interfaces.flatMap(({ addresses }) => addresses) };
  });
}
