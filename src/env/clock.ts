/** Time, as the core sees it. Virtual in tests and simulations. */
export interface Clock {
  /** Monotonic milliseconds since some fixed moment. */
  nowMs(): number;
  /**
   * Runs `action` once, `delayMs` from now. There is no cancel: an action that came too late must find out for itself,
   * by comparing an incarnation or a sequence number, that it has nothing to do.
   */
  after(delayMs: number, action: () => void): void;
}
