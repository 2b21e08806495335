/**
 * The setup of test processes before their first fiber runs. `FORCED_YIELDS=3` makes every fiber yield after 3
 * operations instead of 2048, so that others come between any two of its steps; 1 and 2 starve Effect itself.
 */
import { References } from "effect"
import { vi } from "vitest"
import "../packages/testkit/src/machine/TestSetup.ts"

/** The timeout of a test whose fibers yield all the time, in milliseconds. */
const slowTimeout = 180_000

const operations = process.env["FORCED_YIELDS"]
if (operations !== undefined) {
  if (!(Number(operations) >= 3))
    throw new Error(`FORCED_YIELDS: "${operations}"; accepted: a number of operations of at least 3`)
  Reflect.set(References.MaxOpsBeforeYield, "defaultValue", () => Number(operations))
  vi.setConfig({ testTimeout: slowTimeout, hookTimeout: slowTimeout })
}
