import type { OddResponse } from "./OddResponse.ts"
import { oddBodies } from "./OddBodies.ts"
import { oddHeads } from "./OddHeads.ts"

/** All responses of {@link oddHeads} and {@link oddBodies}. */
export const oddResponses: ReadonlyArray<OddResponse> = [...oddHeads, ...oddBodies]
