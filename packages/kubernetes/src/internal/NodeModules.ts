import type * as Http from "node:http"
import type * as Https from "node:https"

// Importing node:http as an ES module evaluates its lazy WebSocket exports, which loads undici: some 10 MB that stay.
export const http: typeof Http = process.getBuiltinModule("node:http")
export const https: typeof Https = process.getBuiltinModule("node:https")
