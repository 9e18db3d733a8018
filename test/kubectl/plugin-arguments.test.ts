import test from 'ava';
import { partArguments, podOfText, writingToOutput } from '../../src/kubectl/plugin-arguments.ts';

const parts = test.macro<[string, string, string]>({
  exec: (t, args, kubectl, weft) => {
    t.deepEqual(partArguments(words(args)), { kubectl: words(kubectl), weft: words(weft) });
  },
  title: (_, args) => `parts ${args}`,
});

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

test(parts, 'explain a b', '', 'explain a b');
test(parts, 'explain a b --context kind --json', '--context kind', 'explain a b --json');
test(parts, 'explain --context=kind a --kubeconfig /f b', '--context=kind --kubeconfig /f', 'explain a b');
test(parts, 'capture -- --context kind', '', 'capture -- --context kind');
test(parts, 'pods --all --namespace shop --node n2', '', 'pods --all --namespace shop --node n2');
// kubectl says what is wrong with it.
test(parts, 'status --context', '--context', 'status');

const writes = test.macro<[string, string]>({
  exec: (t, args, expected) => t.is(writingToOutput(args.split(' ')).join(' '), expected),
  title: (_, args) => `${args} writes to standard output`,
});

test(writes, 'capture -w a.pcapng icmp', 'capture -w a.pcapng icmp --write=-');
test(writes, 'capture --write=a.pcapng -- -w', 'capture --write=a.pcapng --write=- -- -w');
test(writes, 'capture -wa.pcapng', 'capture -wa.pcapng --write=-');
test(writes, 'capture --all', 'capture --all');

test('what may be a pod of Kubernetes is asked for there, and nothing else', (t) => {
  t.deepEqual(podOfText('web'), { namespace: 'default', name: 'web' });
  t.deepEqual(podOfText('shop/web'), { namespace: 'shop', name: 'web' });
  for (const text of ['', '/', 'shop/', '/web', 'shop/deploy/web', 'fd00::2', '-A', 'shop/--all', 'a b']) {
    t.is(podOfText(text), undefined, text);
  }
});
