import test from 'ava';
import { describeCapture, parseCaptureSpec } from '../../../src/daemon/capture/capture-request.ts';
import { hookMask } from '../../../src/daemon/capture/capture-hooks.ts';
import { captureSocketPath } from '../../../src/api/capture-api.ts';
import { Hook } from '../../../src/dataplane/hook.ts';
import { ConfigError, WeftError } from '../../../src/errors.ts';

const everything = {
  node: 'n2',
  filter: { text: 'icmp', program: [[6, 0, 0, 65_535]] },
  outer: { text: 'udp', program: [[6, 0, 0, 1]] },
  hooks: ['from-pod', 'drop'],
  pod: 'web',
  peer: 'n3',
  dropsOnly: false,
  snaplenBytes: 128,
  count: 10,
  seconds: 0.5,
};

test('a specification with every key is taken as it is', (t) => {
  t.deepEqual(parseCaptureSpec(everything), everything as unknown as ReturnType<typeof parseCaptureSpec>);
  t.deepEqual(parseCaptureSpec({}), {});
});

const refuses = test.macro<[input: unknown, path: string]>({
  exec(t, input, path) {
    const error = t.throws(() => parseCaptureSpec(input), { instanceOf: ConfigError });
    t.is(error?.details['path'], path, error?.message);
  },
  title: (name) => `refuses ${name}`,
});

test('a key that it does not know', refuses, { filters: 'icmp' }, 'filters');
test('a hook that does not exist', refuses, { hooks: ['from-pod', 'from-pot'] }, 'hooks.1');
test('no hooks at all', refuses, { hooks: [] }, 'hooks');
test('a snap length below what headers need', refuses, { snaplenBytes: 10 }, 'snaplenBytes');
test('half a packet', refuses, { count: 1.5 }, 'count');
test('no time at all', refuses, { seconds: 0 }, 'seconds');
test('a name that is none', refuses, { node: 7 }, 'node');
test('a name with an escape sequence', refuses, { peer: 'n\u001b[2Jn3' }, 'peer');
test(
  'a filter with an escape sequence',
  refuses,
  { filter: { text: 'ip\u0007', program: [[6, 0, 0, 1]] } },
  'filter.text',
);
test('a filter that is text only', refuses, { filter: 'icmp' }, 'filter');
test('what is no object', refuses, 'icmp', '');

test('a filter may stand on several lines, and is logged in one', (t) => {
  const { filter } = parseCaptureSpec({ filter: { text: ' tcp\n  port 80\n', program: [[6, 0, 0, 1]] } });
  t.is(filter?.text, 'tcp port 80');
});

test('a program that cannot be one is refused', (t) => {
  t.throws(() => parseCaptureSpec({ filter: { text: '', program: [[5, 0, 0, 9]] } }), {
    instanceOf: WeftError,
    code: 'filter-invalid',
  });
});

const describes = test.macro<[spec: Parameters<typeof describeCapture>[0], words: string]>({
  exec: (t, spec, words) => t.is(describeCapture(spec), words),
  title: (_name, _spec, words) => `a capture is called "${words}"`,
});

test(describes, {}, 'all packets');
test(
  describes,
  { filter: { text: 'tcp port 80', program: [] }, hooks: ['drop', 'relay'] },
  'tcp port 80, hooks drop relay',
);
test(
  describes,
  { dropsOnly: true, pod: 'web', peer: 'n2', seconds: 3 },
  'all packets, pod web, peer n2, drops, for 3 s',
);

test('a capture is of all hooks, of those that are named, or of drops', (t) => {
  t.is(hookMask({}), 0b11_1111_1111);
  t.is(hookMask({ hooks: ['from-pod', 'to-pod'] }), (1 << Hook.fromPod) | (1 << Hook.toPod));
  t.is(hookMask({ dropsOnly: true }), (1 << Hook.drop) | (1 << Hook.audit));
});

test('the socket of captures is named after the control socket', (t) => {
  t.is(captureSocketPath('/run/weft/weft.sock'), '/run/weft/weft-capture.sock');
  t.is(captureSocketPath('/tmp/other'), '/tmp/other-capture.sock');
});
