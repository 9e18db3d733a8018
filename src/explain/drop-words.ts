/** A drop in words. Pure. */
import { type DropReason, dropReasons, entryOf } from '../dataplane/drop-reason.ts';
import { kernelDropReasons } from '../dataplane/kernel-drop-reasons.ts';
import type { ExplainedStep } from './explanation.ts';

/** The last step of a packet that is dropped for `reason`. @param addition what is to be said beside its meaning. */
export function dropStep(hook: string, reason: DropReason, addition = ''): ExplainedStep {
  const { name, meaning } = entryOf(reason)!;
  return { hook, verdict: 'stop', text: `dropped as ${name}: ${meaning}${addition}`, details: { reason: name } };
}

/** What usually lies behind a reason, and what to do; both empty if there is no such reason. */
export function adviceFor(reason: string): { readonly cause: string; readonly remedy: string } {
  const entry = [...dropReasons, ...kernelDropReasons].find(({ name }) => name === reason);
  return { cause: entry?.cause ?? '', remedy: entry?.remedy ?? '' };
}
