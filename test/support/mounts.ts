/** Mounts that a container runtime of a test leaves behind. */
import { runProgram } from './program.ts';

/** Unmounts everything below `directory`, the deepest first. */
export async function unmountBelow(directory: string): Promise<void> {
  const script =
    'awk -v d="$1/" \'index($5, d) == 1 { print $5 }\' /proc/self/mountinfo | sort -r | xargs -r umount -l';
  await runProgram(['sh', '-c', script, 'sh', directory]);
}
