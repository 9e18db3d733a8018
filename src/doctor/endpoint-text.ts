/** Parts of an endpoint in its text form. */

/** `[fd00::1]:4789` -> `fd00::1`. */
export function hostOf(endpoint: string): string {
  return endpoint.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
}

/** `[fd00::1]:4789` -> `4789`. */
export function portOf(endpoint: string): string {
  return /\d+$/.exec(endpoint)?.[0] ?? '';
}
