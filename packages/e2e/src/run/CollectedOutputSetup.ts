import { expect } from "vitest"
import { setDestination } from "./CollectedOutput.ts"
import { measuringFiles } from "./TestGroups.ts"

// Vitest runs this before each test file, in the same process. Groups that measure memory collect no output.
const file = expect.getState().testPath ?? ""
if (measuringFiles.some((measuring) => file.endsWith(measuring))) setDestination({})
