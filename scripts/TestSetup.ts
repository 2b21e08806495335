/**
 * Configures a test process before its first fiber runs. With `FORCED_YIELDS=3`, every fiber yields after 3 operations
 * instead of 2048, so that the operations of concurrent fibers interleave more often. The minimum is 3, because Effect
 * itself starves with 1 or 2.
 */
import { References } from "effect"
import { vi } from "vitest"
import "../packages/testkit/src/machine/TestSetup.ts"

/** The timeout of each test and each hook if FORCED_YIELDS is set, in milliseconds. */
const slowTimeout = 180_000

const operations = process.env["FORCED_YIELDS"]
if (operations !== undefined) {
  if (!(Number(operations) >= 3))
    throw new Error(`FORCED_YIELDS: "${operations}"; accepted: a number of operations of at least 3`)
  Reflect.set(References.MaxOpsBeforeYield, "defaultValue", () => Number(operations))
  vi.setConfig({ testTimeout: slowTimeout, hookTimeout: slowTimeout })
}
