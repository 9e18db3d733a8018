/** `--end-with-stdin`: for whoever runs a command where no signal reaches it, and can only let go of it, as `kubectl exec` does. */
import type { Socket } from 'node:net';

/** From now on the end of standard input is as a Ctrl-C. It keeps no command waiting that ends by itself. */
export function endWithStandardInput(): void {
  process.stdin.once('end', () => process.kill(process.pid, 'SIGINT'));
  process.stdin.once('error', () => process.kill(process.pid, 'SIGINT'));
  process.stdin.resume();
  // A file has no such thing; nor does it keep anybody waiting.
  (process.stdin as Partial<Pick<Socket, 'unref'>>).unref?.();
}
