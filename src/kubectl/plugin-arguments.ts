/** What `kubectl weft` is given: what is for kubectl, what is for weft, and what of it has to be known here. Pure. */

/** Options of kubectl that may also stand behind weft's command: weft has none of these names. */
const ofKubectl: readonly string[] = ['--context', '--kubeconfig', '--cluster', '--user'];

/** Options of `weft capture` that name a file. */
const WRITE = /^(?:--write(?:=|$)|-w)/;

/** Parts `args`, what stands behind `weft`, up to `--`. */
export function partArguments(args: readonly string[]): { readonly kubectl: string[]; readonly weft: string[] } {
  const kubectl: string[] = [];
  const weft: string[] = [];
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    const [name = ''] = arg.split('=', 1);
    if (at > end || !ofKubectl.includes(name)) weft.push(arg);
    else if (arg.includes('=') || at + 1 >= end) kubectl.push(arg);
    else kubectl.push(arg, args[++at]!);
  }
  return { kubectl, weft };
}

/** The same arguments of `weft capture`, writing to standard output: the last of several options counts. */
export function writingToOutput(args: readonly string[]): string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const isNamed = args.slice(0, end).some((arg) => WRITE.test(arg));
  return isNamed ? [...args.slice(0, end), '--write=-', ...args.slice(end)] : [...args];
}

/** `shop/web` -> namespace and name, if that is how a pod of Kubernetes may be written; `deploy/web` is for the daemon to find. */
export function podOfText(text: string): { readonly namespace: string; readonly name: string } | undefined {
  const [first = '', second, third] = text.split('/');
  const isName = [first, second ?? 'a'].every((name) => /^[a-z0-9][a-z0-9.-]*$/.test(name));
  if (!isName || third !== undefined) return undefined;
  return second === undefined ? { namespace: 'default', name: first } : { namespace: first, name: second };
}
