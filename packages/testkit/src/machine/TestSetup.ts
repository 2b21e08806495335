/**
 * Belongs in `setupFiles` of vitest. Installs the CountingScheduler, which `settle` and the DigestCache suites need.
 */
import { install } from "./CountingScheduler.ts"

install()
