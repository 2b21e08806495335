import { Clock, Effect } from "effect"
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import type { RequestLog } from "./RequestLog.ts"
import * as RequestRecord from "./RequestRecord.ts"
import type { ServerSpans } from "./ServerSpans.ts"

/** The types of the errors for which a listener rejects a request before the application receives it. */
export type UnreadError = "HeadTooLarge" | "RequestTimedOut" | "RequestMalformed" | "TunnelRefused"

/** A request that a listener rejects before the application receives it. */
export interface UnreadRequest {
  readonly status: number
  readonly error: UnreadError
  readonly requestId: string
  readonly socket: Socket
  /** The request. Undefined if Node's parser could not read its head. */
  readonly request: IncomingMessage | undefined
}

/** Makes a function that records an `UnreadRequest` by a span, metrics and a log line, like any other request. */
export const makeRecorder = (
  log: RequestLog,
  spans: ServerSpans
): Effect.Effect<(unread: UnreadRequest) => void> =>
  Effect.map(Clock.Clock, (clock) => ({ error, request, requestId, socket, status }) => {
    const record = RequestRecord.make("unknown", { socket }, { requestId, error })
    const span = spans.begin(request ?? { headers: {}, socket }, record)
    const startMillis = clock.currentTimeMillisUnsafe()
    log({ method: request?.method ?? "", record, status, startMillis, span })
    spans.end(span, record, status)
  })
