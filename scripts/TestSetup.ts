/**
 * What the tests' processes do before their first fiber runs. `FORCED_YIELDS=3` makes every fiber yield after 3 operations
 * instead of 2048, so that others come between any two of its steps; 1 and 2 starve Effect itself.
 */
import { install } from "../packages/testkit/src/CountingScheduler.ts"
import { References } from "effect"

const operations = Number(process.env["FORCED_YIELDS"] ?? References.MaxOpsBeforeYield.defaultValue())
if (!(operations >= 3)) throw new Error("FORCED_YIELDS is a number of operations, at least 3")

install()
Reflect.set(References.MaxOpsBeforeYield, "defaultValue", () => operations)
