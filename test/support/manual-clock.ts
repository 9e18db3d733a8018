/** Time that moves only when it is told to: the simulator's. */
export { VirtualClock as ManualClock } from '../../src/sim/virtual-clock.ts';
