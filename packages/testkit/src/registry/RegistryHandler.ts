import { Clock, Effect } from "effect"
import type { IncomingMessage } from "node:http"
import * as FaultyResponse from "./FaultyResponse.ts"
import { findFault } from "./Fault.ts"
import type { FaultSchedule } from "./FaultSchedule.ts"
import * as ResponseWriter from "./ResponseWriter.ts"
import type { RegistryLog, LoggedRequest } from "./RegistryLog.ts"
import { routeOf, type Route } from "./ServedRequest.ts"
import type { RegistryRules } from "./RegistryRules.ts"
import type { RequestHandler } from "./RegistryServer.ts"

const headersOf = (request: IncomingMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(request.headers)
      .filter(([name]) => name !== "authorization")
      .map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")])
  )

/**
 * Makes the handler of one listener. The handler logs each request, applies the scheduled faults, and sends the
 * response.
 */
export const make = (options: {
  readonly listener: "registry" | "store"
  readonly log: RegistryLog
  readonly rules: RegistryRules
  readonly schedule: FaultSchedule
}): RequestHandler => {
  const { listener, log, rules, schedule } = options

  const record = (
    request: IncomingMessage,
    route: Route | undefined,
    connectionNumber: number
  ): LoggedRequest => ({
    operation: route?.operation ?? "unknown",
    listener,
    method: request.method ?? "",
    path: request.url ?? "",
    repository: route?.repository,
    reference: route?.reference,
    headers: headersOf(request),
    authScheme: request.headers.authorization?.split(" ", 1)[0]?.toLowerCase(),
    connectionNumber,
    status: undefined,
    sentBytes: 0,
    outcome: "open"
  })

  return Effect.fnUntraced(function* (request, response, connectionNumber) {
    const url = new URL(request.url ?? "/", "http://registry.invalid")
    const path = decodeURIComponent(url.pathname)
    const route = routeOf(listener, path)
    const change = yield* log.logRequest(record(request, route, connectionNumber))
    const faults =
      route === undefined ? [] : schedule.next(route.operation, route.reference, request.method ?? "")
    let sent = 0

    const respond = Effect.gen(function* () {
      yield* findFault(faults, "DelayHeaders")?.until.await ?? Effect.void
      const body = request.method === "POST" ? yield* ResponseWriter.readRequestBody(request) : ""
      if (findFault(faults, "Reset") !== undefined)
        return yield* ResponseWriter.breakConnection(response, "reset")
      const { authorization, range } = request.headers
      const respondedAt = yield* Clock.currentTimeMillis
      const { method = "", url: target = "" } = request
      const plain =
        FaultyResponse.replacementOf(faults) ??
        rules.respond(
          {
            listener,
            method,
            target,
            path,
            query: url.searchParams,
            authorization,
            range,
            body,
            respondedAt
          },
          route,
          faults
        )
      const faulty = FaultyResponse.apply(faults, plain)
      yield* change({ status: faulty.response.status })
      return yield* ResponseWriter.send(response, faulty, {
        isHead: method === "HEAD",
        onSent: (bytes) => {
          sent += bytes
        }
      })
    })
    const outcome = yield* Effect.raceFirst(
      Effect.as(respond, "completed" as const),
      Effect.as(ResponseWriter.awaitClose(response), "aborted" as const)
    )
    yield* change({ sentBytes: sent, outcome })
  })
}
