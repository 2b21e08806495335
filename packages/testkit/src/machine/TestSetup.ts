/**
 * Installs the CountingScheduler for `settle` and the DigestCache suites. Add this module to `setupFiles` of vitest.
 */
import { install } from "./CountingScheduler.ts"

install()
