/** The millisecond that a moment in microseconds is in, also before 1970. */
export function flooredMilliseconds(micros: bigint): bigint {
  return micros >= 0n ? micros / 1000n : (micros - 999n) / 1000n
}
