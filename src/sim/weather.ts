/** How bad a network is. */
import type { SeededRandom } from './seeded-random.ts';

/** Probabilities are 0 to 1, and drawn for each datagram or segment anew. */
export interface Weather {
  readonly lossProbability: number;
  readonly duplicationProbability: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** What is caught in a queue takes up to `lateDelayMs` more: that is what puts datagrams out of order. */
  readonly lateProbability: number;
  readonly lateDelayMs: number;
}

/** A data centre on a good day. */
export const fairWeather: Weather = {
  lossProbability: 0,
  duplicationProbability: 0,
  minDelayMs: 0.1,
  maxDelayMs: 1,
  lateProbability: 0.01,
  lateDelayMs: 20,
};

/** A network that loses that much, and doubles a tenth of it. */
export function lossyWeather(lossProbability: number): Weather {
  return { ...fairWeather, lossProbability, duplicationProbability: lossProbability / 10 };
}

/** How long one datagram or segment is under way, in ms. */
export function drawDelayMs(weather: Weather, random: SeededRandom): number {
  const delayMs = random.between(weather.minDelayMs, weather.maxDelayMs);
  return random.happens(weather.lateProbability) ? delayMs + random.between(0, weather.lateDelayMs) : delayMs;
}
