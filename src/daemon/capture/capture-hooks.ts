/** Which hooks a capture is about. */
import { Hook, hookNamed, hooks } from '../../dataplane/hook.ts';
import type { CaptureSpec } from '../../api/capture-api.ts';

/** A bit per hook: `1 << Hook.fromPod` and so on. */
export function hookMask({ hooks: names, dropsOnly }: Pick<CaptureSpec, 'hooks' | 'dropsOnly'>): number {
  if (dropsOnly === true) return (1 << Hook.drop) | (1 << Hook.audit);
  const wanted = names ?? hooks.map(({ name }) => name);
  return wanted.reduce((mask, name) => mask | (1 << hookNamed(name)!), 0);
}
