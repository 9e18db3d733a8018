import test from 'ava';
import { loadConfig } from '../../../src/daemon/config/config.ts';
import { ConfigError } from '../../../src/errors.ts';

const prefixes = (count: number): string => Array.from({ length: count }, (_, at) => `10.244.${at}.0/24`).join(',');

test('as many node prefixes as a node can announce are taken, one more is not', (t) => {
  const env = {
    WEFT_NODE_NAME: 'n1',
    WEFT_CLUSTER_PREFIXES: '10.244.0.0/16',
    WEFT_GOSSIP_AUTHENTICATION: 'off',
  };
  t.is(loadConfig({ flags: { nodePrefixes: prefixes(8) }, env }).nodePrefixes.length, 8);
  const error = t.throws(() => loadConfig({ flags: { nodePrefixes: prefixes(9) }, env }), { instanceOf: ConfigError });
  t.is(error.message, '--node-prefixes: nodePrefixes: are 9, and at most 8 can be announced: aggregate them');
});
