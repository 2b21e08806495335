/**
 * For vitest's `setupFiles`, wherever a suite of testkit runs that waits until no fiber can take a step: the scheduler
 * that tells so has to be there before the first fiber.
 */
import { install } from "./CountingScheduler.ts"

install()
