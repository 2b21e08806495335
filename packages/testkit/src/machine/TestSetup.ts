/** For vitest's `setupFiles`: installs the CountingScheduler, which some suites need, before the first fiber. */
import { install } from "./CountingScheduler.ts"

install()
