import { expect } from "vitest"
import { setPlace } from "./Evidence.ts"
import { measuringFiles } from "./TestGroups.ts"

// Runs before each file of tests, in its process.
const file = expect.getState().testPath ?? ""
if (measuringFiles.some((measuring) => file.endsWith(measuring))) setPlace({})
