/** Time that a restart of the process, or somebody who sets the clock, does not change. A reboot does. */
export interface BootClock {
  /** Random name of this boot of the kernel. */
  readonly bootId: string;
  /** Monotonic milliseconds since the machine was booted. */
  sinceBootMs(): number;
}
