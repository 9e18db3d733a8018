/** Who has an address on a node, in words, and what its kernel does with a packet for it. Pure. */
import type { ExplainedStep, Fate } from './explanation.ts';

/** Who has an address, as the node itself knows it. */
export type AddressHolder =
  | { readonly kind: 'pod'; readonly name: string; readonly isRunning: boolean; readonly device: string }
  /** It lies in a prefix behind a pod, which is a router. */
  | {
      readonly kind: 'behind';
      readonly name: string;
      readonly prefix: string;
      readonly isRunning: boolean;
      readonly device: string;
    }
  | { readonly kind: 'node'; readonly device: string }
  /** Its prefix, if the address is one that the node could give out; otherwise empty. */
  | { readonly kind: 'nobody'; readonly prefix: string };

/** What is known before the first look at a packet: whether anybody can have sent it. */
export function tellSender(address: string, node: string, holder: AddressHolder): ExplainedStep {
  const hook = 'from-pod';
  if (holder.kind === 'node') {
    return { hook, verdict: 'pass', text: `${address} is ${node}'s own address in the overlay`, details: { node } };
  }
  if (holder.kind === 'pod') {
    const details = { pod: holder.name, node };
    if (holder.isRunning) {
      return { hook, verdict: 'pass', text: `${address} is pod ${holder.name}, which is running`, details };
    }
    const text = `${address} is pod ${holder.name}, whose network namespace is gone: nothing can come from it`;
    return { hook, verdict: 'doubt', text, details };
  }
  if (holder.kind === 'behind') {
    const { name, prefix } = holder;
    const details = { pod: name, prefix, node };
    const lies = `${address} lies behind pod ${name}, which may send from ${prefix}`;
    if (holder.isRunning) return { hook, verdict: 'pass', text: lies, details };
    const text = `${lies}, but whose network namespace is gone: nothing can come from it`;
    return { hook, verdict: 'doubt', text, details };
  }
  const where = holder.prefix === '' ? `${address} is no address of ${node}` : `no pod of ${node} has ${address}`;
  const text = `${where}: whoever sends from it was not given it by weft`;
  return { hook, verdict: 'doubt', text, details: { node } };
}

/** What the kernel of the node does with a packet for the address, as a step and its fate. */
export function tellReceiver(
  address: string,
  node: string,
  holder: AddressHolder,
): { readonly step: ExplainedStep; readonly fate: Fate } {
  const hook = 'to-pod';
  if (holder.kind === 'node') {
    const text = `${address} is ${node}'s own address: its kernel takes the packet`;
    return { step: { hook, verdict: 'pass', text, details: { node } }, fate: 'delivered' };
  }
  if (holder.kind === 'pod' && holder.isRunning) {
    const text = `${address} is pod ${holder.name}, which is running: the kernel passes it on through ${holder.device}`;
    const details = { node, pod: holder.name, device: holder.device };
    return { step: { hook, verdict: 'pass', text, details }, fate: 'delivered' };
  }
  if (holder.kind === 'behind' && holder.isRunning) {
    const { name, prefix, device } = holder;
    const text = `${address} lies in ${prefix}, behind pod ${name}: the kernel passes it on through ${device}`;
    return { step: { hook, verdict: 'pass', text, details: { node, pod: name, prefix, device } }, fate: 'delivered' };
  }
  const whose =
    holder.kind === 'pod' || holder.kind === 'behind'
      ? `${address} ${holder.kind === 'pod' ? 'was given to' : 'lies behind'} pod ${holder.name}, whose network namespace is gone`
      : `no pod of ${node} has ${address}`;
  const text = `${whose}: the kernel answers that the host is unreachable`;
  const details = holder.kind === 'nobody' ? { node } : { node, pod: holder.name };
  return { step: { hook, verdict: 'stop', text, details }, fate: 'unreachable' };
}
