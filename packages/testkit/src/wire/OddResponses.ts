import type { OddResponse } from "./OddResponse.ts"
import { oddBodies } from "./OddBodies.ts"
import { oddHeads } from "./OddHeads.ts"

/** All that servers really send beside what RFC 9112 has. */
export const oddResponses: ReadonlyArray<OddResponse> = [...oddHeads, ...oddBodies]
