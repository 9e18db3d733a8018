/** The plugin as a file: how it is told from other programs, without starting it. */

/** Is in every build of it, and in its answer to `--version`. */
export const PLUGIN_MARK = 'weft-cni: CNI plugin of weft';

/** Whether a program is weft's plugin, of whatever version. */
export function isWeftPlugin(program: Buffer): boolean {
  return program.includes(PLUGIN_MARK);
}
