/** Deleting devices, without a program as long as the kernel does it. */
import { CommandError } from '../errors.ts';
import { deviceNames } from './device-names.ts';
import { Gathering } from './gathering.ts';
import { ipRemove } from './iproute.ts';
import { deleteGroupMessage, deleteLinkMessage, groupMessage } from './link-message.ts';
import { deviceIndex, RouteSocket, type RouteRequest } from './route-socket.ts';

/** A device that is to go. */
interface Deletion {
  readonly device: string;
  readonly purpose: string;
}

const deletions = new Gathering<Deletion>(deleteLinks);

/** Number of the group that devices are put in to be deleted: "weft" in ASCII, which nobody else has a reason to use. */
const DELETED_GROUP = 0x77_65_66_74;

/**
 * Deletes a device, together with those that others want deleted at the same time. One that is gone already is no failure.
 *
 * @throws CommandError
 */
export async function deleteLinkTogether(device: string, purpose: string): Promise<void> {
  await deletions.add({ device, purpose });
}

/**
 * Of devices that are deleted one by one, the kernel waits after each until nobody looks at it any more, for tens of ms; of a group it
 * waits once. What is left after that is deleted by `ip`, which says why it cannot be.
 */
async function deleteLinks(all: readonly Deletion[]): Promise<readonly unknown[]> {
  const requests = deletionRequests(all);
  if (requests.length > 0) await request(requests, all[0]!.purpose);
  const devices = deviceNames();
  const failures = new Map<Deletion, unknown>();
  for (const one of all.filter(({ device }) => devices.has(device)))
    failures.set(one, await ipRemove([`link delete dev ${one.device}`], one).catch((error: unknown) => error));
  return all.map((one) => failures.get(one));
}

function deletionRequests(all: readonly Deletion[]): readonly RouteRequest[] {
  const present = all.flatMap(({ device }) => {
    const index = deviceIndex(device);
    return index === undefined ? [] : [{ device, index }];
  });
  const [first] = present;
  if (first === undefined) return [];
  if (present.length === 1)
    return [{ message: deleteLinkMessage(first.index), words: `link delete dev ${first.device}` }];
  return [
    ...present.map(({ device, index }): RouteRequest => {
      return { message: groupMessage(index, DELETED_GROUP), words: `link set dev ${device} group ${DELETED_GROUP}` };
    }),
    { message: deleteGroupMessage(DELETED_GROUP), words: `link delete group ${DELETED_GROUP}` },
  ];
}

/** What fails is seen by what is left. */
async function request(requests: readonly RouteRequest[], purpose: string): Promise<void> {
  const socket = new RouteSocket(purpose);
  try {
    await socket.requestAll(requests);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  } finally {
    socket.close();
  }
}
