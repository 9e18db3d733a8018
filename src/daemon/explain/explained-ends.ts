/** The ends of a packet that is explained: who is meant by a name, also when its node cannot be asked, which is when people ask. */
import { WeftError } from '../../errors.ts';
import type { Member } from '../../membership/announcement.ts';
import { equalIpAddresses, formatIpAddress, type IpAddress } from '../../wire/address.ts';
import type { Place, Places } from '../places/places.ts';

export class ExplainedEnds {
  readonly #places: Pick<Places, 'find'>;
  readonly #members: () => readonly Member[];

  /** @param members all of them, dead ones included. */
  constructor(places: Pick<Places, 'find'>, members: () => readonly Member[]) {
    this.#places = places;
    this.#members = members;
  }

  /**
   * Of a node that does not answer, or is dead, its own address stands for its pods: packets for both take the same way.
   *
   * @throws as `Places.find`, if not even the node is known
   */
  async find(text: string): Promise<Place> {
    try {
      return await this.#places.find(text);
    } catch (error) {
      const [node = '', ...rest] = text.split('/');
      const pod = rest.length === 0 ? undefined : rest.join('/');
      const member = this.#members().find(({ announcement }) => announcement.name === node);
      const isSilent =
        error instanceof WeftError &&
        (error.code.startsWith('remote-') || error.code === 'pods-unknown' || isGone(member));
      if (!isSilent || member === undefined) throw error;
      const addresses = member.announcement.nodeAddresses;
      return {
        kind: 'node',
        label: node,
        node,
        addresses,
        remark: remarkOn(member, pod, error.message.replace(`node ${node}: `, '')),
      };
    }
  }

  /** What is to be said of an address outside of the overlay; empty unless it is the underlay address of a node. */
  underlayRemark(address: IpAddress): string {
    const name = this.underlayOwner(address);
    if (name === '') return '';
    return `${formatIpAddress(address)} is the address of ${name} on the underlay: to ask about its place in the overlay, name ${name}`;
  }

  /** The same of one that something comes from. */
  senderRemark(address: IpAddress): string {
    const name = this.underlayOwner(address);
    return name === '' ? '' : `${formatIpAddress(address)} is the address of ${name} on the underlay: ${name} sends it`;
  }

  /** Name of the node that has an address on the underlay; empty: none has. */
  underlayOwner(address: IpAddress): string {
    const owner = this.#members().find(({ announcement: { dataEndpoints } }) =>
      dataEndpoints.some(({ endpoint }) => equalIpAddresses(endpoint.address, address)),
    );
    return owner?.announcement.name ?? '';
  }
}

function isGone(member: Member | undefined): boolean {
  return member?.state === 'dead' || member?.state === 'left';
}

function remarkOn({ state, announcement: { name } }: Member, pod: string | undefined, why: string): string {
  const problem = state === 'dead' || state === 'left' ? `${name} is ${state}` : `${name} cannot be asked (${why})`;
  return pod === undefined ? problem : `${problem}: its own address stands for that of its pod ${pod}`;
}
