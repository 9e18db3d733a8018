/** Names of interfaces in pods. Pure. */

/** Of the kernel (dev_valid_name), and without what a shell or `ip` takes for something else. */
const INTERFACE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;

/** What {@link isInterfaceName} asks for, for messages. */
export const INTERFACE_NAME_RULE =
  '1 to 15 letters, digits, dots, hyphens and underscores, the first neither dot nor hyphen, and not "lo"';

/** Whether an interface in a pod may have the name. `lo` is there already. */
export function isInterfaceName(text: string): boolean {
  return INTERFACE_NAME.test(text) && text !== 'lo';
}
