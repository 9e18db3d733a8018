import test from 'ava';
import { runPlugin } from '../../src/cni/plugin.ts';

const conf = {
  cniVersion: '1.1.0',
  name: 'overlay',
  type: 'weft-cni',
  socket: '/nowhere/weft.sock',
  spool: '/nowhere/spool',
};
const env = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_IFNAME: 'eth0',
  CNI_NETNS: '/run/netns/c1',
  CNI_PATH: '/nowhere',
};

async function run(variables: Record<string, string>, input: unknown) {
  const text = typeof input === 'string' ? input : JSON.stringify(input);
  const { stdout, exitCode } = await runPlugin(variables, async () => await Promise.resolve(text));
  return { exitCode, document: JSON.parse(stdout || 'null') as Record<string, unknown> | null };
}

const refuses = test.macro<[Record<string, string>, unknown, number, RegExp]>({
  exec: async (t, variables, input, code, message) => {
    const { exitCode, document } = await run({ ...env, ...variables }, input);
    t.is(exitCode, 1);
    t.is(document?.['code'], code);
    t.regex(String(document?.['msg']), message);
    t.truthy(document?.['cniVersion']);
  },
  title: (name) => `${name} is refused`,
});

test('no verb', refuses, { CNI_COMMAND: '' }, conf, 4, /^CNI_COMMAND is not set: it is one of ADD, DEL/);
test('an unknown verb', refuses, { CNI_COMMAND: 'add' }, conf, 4, /^CNI_COMMAND "add" is not known/);
test(
  'no container',
  refuses,
  { CNI_CONTAINERID: '', CNI_IFNAME: '' },
  conf,
  4,
  /^ADD needs CNI_CONTAINERID, CNI_IFNAME, which are not set/,
);
test('no namespace', refuses, { CNI_NETNS: '' }, conf, 4, /^ADD needs CNI_NETNS, which is not set/);
test(
  'a container id with a slash',
  refuses,
  { CNI_CONTAINERID: '../c' },
  conf,
  4,
  /^CNI_CONTAINERID "\.\.\/c" is no container id/,
);
test('an interface with a colon', refuses, { CNI_IFNAME: 'eth0:1' }, conf, 4, /^CNI_IFNAME "eth0:1" is no name/);
test('an interface of 16 characters', refuses, { CNI_IFNAME: 'a'.repeat(16) }, conf, 4, /^CNI_IFNAME/);
test(
  'an argument that nobody knows',
  refuses,
  { CNI_ARGS: 'K8S_POD_NAME=web;COLOUR=red' },
  conf,
  4,
  /^CNI_ARGS has COLOUR, which weft does not know.*IgnoreUnknown=1/,
);
test(
  'an argument without value',
  refuses,
  { CNI_ARGS: 'K8S_POD_NAME' },
  conf,
  4,
  /^CNI_ARGS has "K8S_POD_NAME": it is KEY=VALUE/,
);
test('what is not JSON', refuses, {}, '{', 6, /is not JSON/);
test('a list', refuses, {}, [], 6, /is not a JSON object/);
test('nothing at all', refuses, {}, '', 6, /is not JSON/);
test(
  'a version of the future',
  refuses,
  {},
  { ...conf, cniVersion: '2.0.0' },
  1,
  /^cniVersion 2\.0\.0 is not supported: use one of 0\.3\.0/,
);
test('no version', refuses, {}, { ...conf, cniVersion: undefined }, 1, /^cniVersion 0\.1\.0 is not supported/);
test(
  'a key that nobody knows',
  refuses,
  {},
  { ...conf, mtu: 1_400 },
  2,
  /^mtu: 1400 is in the network configuration, and weft-cni has no such key/,
);
test('a name with a slash', refuses, {}, { ...conf, name: 'a/b' }, 7, /^name: "a\/b" is no name/);
test('no name', refuses, {}, { ...conf, name: undefined }, 7, /^name: /);
test(
  'a socket that is no path',
  refuses,
  {},
  { ...conf, socket: 'weft.sock' },
  7,
  /^socket: "weft\.sock" is not an absolute path/,
);
test(
  'addresses that are no list',
  refuses,
  {},
  { ...conf, runtimeConfig: { ips: '10.0.0.2' } },
  7,
  /^runtimeConfig\.ips: is not a list/,
);
test(
  'an IPAM plugin with a path',
  refuses,
  {},
  { ...conf, ipam: { type: '../x' } },
  7,
  /^ipam\.type: "\.\.\/x" is not the name/,
);
test(
  'an IPAM plugin that is not there',
  refuses,
  {},
  { ...conf, ipam: { type: 'x' } },
  7,
  /^ipam\.type: there is no plugin x in CNI_PATH \(\/nowhere\)/,
);
test(
  'an IPAM plugin without a path to it',
  refuses,
  { CNI_PATH: '' },
  { ...conf, ipam: { type: 'x' } },
  4,
  /^CNI_PATH is not set/,
);
test(
  'a result before that has no interface names',
  refuses,
  {},
  { ...conf, prevResult: { interfaces: [{}] } },
  6,
  /^prevResult\.interfaces\[0\]: has no name/,
);
test(
  'an interface beside another network, of which nothing is known',
  refuses,
  {},
  { ...conf, alongside: 'weft0' },
  7,
  /^prevResult: is missing: with alongside, weft-cni stands behind another network/,
);
test(
  'an interface beside another network with the name of that one',
  refuses,
  {},
  { ...conf, alongside: 'eth0', prevResult: {} },
  7,
  /^alongside: eth0 is the interface of the other network/,
);
test(
  'an interface beside another network without a name',
  refuses,
  {},
  { ...conf, alongside: 'a b', prevResult: {} },
  7,
  /^alongside: "a b" is no name for an interface/,
);
test(
  'another IPAM plugin for an interface beside another network',
  refuses,
  {},
  { ...conf, alongside: 'weft0', ipam: { type: 'host-local' }, prevResult: {} },
  7,
  /^ipam: cannot be given together with alongside/,
);
test('CHECK without what to compare with', refuses, { CNI_COMMAND: 'CHECK' }, conf, 7, /^prevResult: is missing/);
test(
  'CHECK of a container that another plugin attached',
  refuses,
  { CNI_COMMAND: 'CHECK' },
  { ...conf, prevResult: {} },
  7,
  /has no eth0 of the container/,
);
test(
  'CHECK before its time',
  refuses,
  { CNI_COMMAND: 'CHECK' },
  { ...conf, cniVersion: '0.3.1' },
  1,
  /^CHECK is there since CNI 0\.4\.0/,
);
test(
  'GC before its time',
  refuses,
  { CNI_COMMAND: 'GC' },
  { ...conf, cniVersion: '1.0.0' },
  1,
  /^GC is there since CNI 1\.1\.0/,
);
test(
  'GC that does not say what is in use',
  refuses,
  { CNI_COMMAND: 'GC' },
  conf,
  7,
  /^cni\.dev\/valid-attachments: is missing/,
);
test(
  'an attachment in use without interface',
  refuses,
  { CNI_COMMAND: 'GC' },
  { ...conf, 'cni.dev/valid-attachments': [{ containerID: 'c' }] },
  7,
  /valid-attachments\[0\]: has no/,
);
test(
  'STATUS before its time',
  refuses,
  { CNI_COMMAND: 'STATUS' },
  { ...conf, cniVersion: '1.0.0' },
  1,
  /^STATUS is there since CNI 1\.1\.0/,
);
test(
  'STATUS without a daemon',
  refuses,
  { CNI_COMMAND: 'STATUS' },
  conf,
  51,
  /no daemon at \/nowhere\/weft\.sock \(socket in the network configuration\)/,
);

test('VERSION answers in the version that it was asked in, and without any', async (t) => {
  const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
  const asked = await run({ CNI_COMMAND: 'VERSION' }, { cniVersion: '0.2.0' });
  t.deepEqual(asked, { exitCode: 0, document: { cniVersion: '0.2.0', supportedVersions } });
  t.deepEqual((await run({ CNI_COMMAND: 'VERSION' }, '')).document, { cniVersion: '1.1.0', supportedVersions });
});

test('an error is said in the version of the configuration', async (t) => {
  t.is((await run({ ...env, CNI_IFNAME: '' }, { ...conf, cniVersion: '0.4.0' })).document?.['cniVersion'], '0.4.0');
});
