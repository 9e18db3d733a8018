/** What a daemon was started with, as an event. */
import type { Announcement } from '../../membership/announcement.ts';
import { formatEndpoint } from '../../wire/address.ts';
import { formatPrefix } from '../../wire/prefix.ts';
import type { Config } from '../config/config.ts';
import type { EventFacts } from './event-log.ts';

/** Of kind `configuration`. */
export function startOf(config: Config, { identity, name, gossipEndpoint, version }: Announcement): EventFacts {
  const prefixes = config.nodePrefixes.map(formatPrefix).join(', ');
  const endpoint = formatEndpoint(gossipEndpoint);
  return {
    subject: name,
    message: `${name} started, weft ${version}, network ${config.networkName}, at ${endpoint}, with ${prefixes}`,
    details: { identity, version, network: config.networkName, endpoint, prefixes },
  };
}
