/**
 * Installs the CountingScheduler. Add this module to `setupFiles` of vitest if tests use the DigestCache suites, or the
 * function `settle` in VirtualTime.ts.
 */
import { install } from "./CountingScheduler.ts"

install()
