/** Whether the Node that runs this is new enough. An installed weft runs on whatever `node` the host has. Pure. */

/** As in `engines` of package.json. */
const MIN_VERSION = [24, 12] as const;

/** What to tell the person if `version` (`20.20.2`) is too old, `undefined` if it is not. */
export function whyNodeIsTooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > MIN_VERSION[0] || (major === MIN_VERSION[0] && minor >= MIN_VERSION[1])) return undefined;
  return `Node.js ${version} is too old: weft needs ${MIN_VERSION.join('.')} or later; a checkout brings its own, see scripts/weft`;
}
