/** Who is meant by a name, for who asks for just that. */
import type { PlaceReport } from '../../api/place-api.ts';
import { formatIpAddress } from '../../wire/address.ts';
import type { Places } from './places.ts';

export interface PlaceHandlers {
  /** @throws as `Places.find` */
  place(name: string): Promise<PlaceReport>;
}

export function placeHandlers(places: Pick<Places, 'find'>): PlaceHandlers {
  return {
    place: async (name) => {
      const { kind, label, node, addresses, remark } = await places.find(name);
      return { kind, label, node, addresses: addresses.map(formatIpAddress), remark };
    },
  };
}
