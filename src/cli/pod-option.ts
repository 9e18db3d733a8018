/** `--pod NAME` of commands that show what concerns one pod: the daemon says who that is, and why it may not be who was meant. */
import type { PlaceReport } from '../api/place-api.ts';
import type { ControlClient } from '../client/control-client.ts';
import { NotFoundError } from '../errors.ts';

/** Also says on standard error which pod was taken, where there were several. @throws WeftError `place-unknown`, `place-ambiguous` */
export async function placeOfPod(client: Pick<ControlClient, 'place'>, name: string): Promise<PlaceReport> {
  const place = await client.place(name);
  if (place.remark !== '') process.stderr.write(`weft: ${place.remark}\n`);
  if (place.addresses.length > 0) return place;
  throw new NotFoundError('place-unknown', `${name}: ${place.label} has no addresses in the overlay`);
}
