/**
 * Whom the node asks for names that are not weft's: what its configuration says, or /etc/resolv.conf, which is read again when it changes.
 *
 * Never weft itself: neither this node nor another one, whose resolver may be this node.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  DNS_PORT,
  formatServerAddress,
  MAX_RESOLVER_FILE_BYTES,
  type NameServerAddress,
  parseNameServers,
} from '../../names/resolver-configuration.ts';
import type { IpAddress } from '../../wire/address.ts';

export interface NodeResolverOptions {
  /** Those of the configuration; empty: the file's. */
  readonly configured: readonly NameServerAddress[];
  readonly file: string;
  /** Whether weft answers names at an address, here or elsewhere. */
  readonly isOfWeft: (address: IpAddress) => boolean;
}

export class NodeResolver {
  readonly #options: NodeResolverOptions;
  #named: readonly NameServerAddress[];
  /** Of the file that was read. */
  #mark = '';

  constructor(options: NodeResolverOptions) {
    this.#options = options;
    this.#named = options.configured;
    this.look();
  }

  /** Whom to ask now, in order. */
  servers(): readonly NameServerAddress[] {
    const { isOfWeft } = this.#options;
    return this.#named.filter(({ address, port }) => port !== DNS_PORT || !isOfWeft(address));
  }

  /** The same as people write it. */
  texts(): readonly string[] {
    return this.servers().map(formatServerAddress);
  }

  /** Reads the file if it is another one than before. One that cannot be read names nobody. */
  look(): void {
    const { configured, file } = this.#options;
    if (configured.length > 0) return;
    let descriptor: number | undefined;
    try {
      descriptor = openSync(file, 'r');
      const { ino, size, mtimeMs, ctimeMs } = fstatSync(descriptor);
      const mark = [ino, size, mtimeMs, ctimeMs].join(' ');
      if (mark === this.#mark) return;
      const bytes = Buffer.alloc(MAX_RESOLVER_FILE_BYTES);
      const lengthBytes = readSync(descriptor, bytes);
      this.#named = parseNameServers(bytes.toString('utf8', 0, lengthBytes));
      this.#mark = mark;
    } catch {
      this.#named = [];
      this.#mark = '';
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }
}
