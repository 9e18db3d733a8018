import test from 'ava';
import { ConfigError } from '../../src/errors.ts';
import { withSetting, withSettings } from '../../src/lab/settings.ts';

const means = test.macro<[text: string, path: string, value: unknown]>({
  exec: (t, text, path, value) => t.deepEqual(withSetting({}, text), { [path]: value }),
  title: (_name, text) => `--set ${text}`,
});

test(means, 'vxlan.port=4790', 'vxlan.port', 4790);
test(means, 'relay=off', 'relay', 'off');
test(means, 'dataplane.cpus=0,1', 'dataplane.cpus', ['0', '1']);
test(means, 'dataplane.cpus=[0-1, 3]', 'dataplane.cpus', ['0-1', 3]);
test(means, 'staticPeers=[{name: x}]', 'staticPeers', [{ name: 'x' }]);
test(means, 'metrics.address=127.0.0.1:9000', 'metrics.address', '127.0.0.1:9000');

const refused = test.macro<[text: string, message: string]>({
  exec: (t, text, message) => {
    const error = t.throws(() => withSetting({}, text), { instanceOf: ConfigError });
    t.is(error.message, `--set: ${message}`);
  },
  title: (_name, text) => `--set ${text} is refused`,
});

test(refused, 'vxlan.port', '"vxlan.port" is not KEY=VALUE, such as vxlan.port=4790');
test(refused, '=1', '"=1" is not KEY=VALUE, such as vxlan.port=4790');
test(refused, 'vxlan.prot=1', 'vxlan.prot is not a known key: did you mean vxlan.port?');
test(refused, 'vni=1', 'vni is not a known key: did you mean vxlan.vni?');
test(refused, 'nodeName=x', 'nodeName is set by the lab itself, for each node');

test('settings replace what the lab says, and leave the rest of a group', (t) => {
  const config = { relay: 'on', dataplane: { remoteChecksum: 'off', ecn: 'on' } };
  t.deepEqual(withSettings(config, { relay: 'off', 'dataplane.ecn': 'off', 'vxlan.vni': 7 }), {
    relay: 'off',
    dataplane: { remoteChecksum: 'off', ecn: 'off' },
    vxlan: { vni: 7 },
  });
});

test('the last of two settings of a key counts', (t) => {
  t.deepEqual(withSetting(withSetting({}, 'relay=off'), 'relay=on'), { relay: 'on' });
});
