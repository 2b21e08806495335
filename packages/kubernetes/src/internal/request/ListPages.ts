import { Effect, Option, Schema } from "effect"
import type { ApiServer } from "../../ApiServer.ts"
import { invalid, type NotFound, unreachable } from "../../KubernetesError.ts"
import * as Resource from "../../Resource.ts"
import * as Answer from "./Answer.ts"

/** Objects asked for at a time. */
export const pageSize = 500

/** How long an answer that is no watch may take as a whole, in milliseconds. */
export const answerTimeout = 30_000

const Page = Schema.Struct({
  metadata: Schema.Struct({
    resourceVersion: Schema.String,
    continue: Schema.optionalKey(Schema.String)
  }),
  // Go writes an empty list it has no memory for as null.
  items: Schema.NullOr(Schema.Array(Schema.Unknown))
})

const decodePage = Schema.decodeUnknownOption(Page)

/** What a collection held, and the version from which a watch tells what came after. */
export interface Listed {
  readonly objects: ReadonlyArray<unknown>
  readonly resourceVersion: string
}

/** Sends a request and reads the JSON it is answered with, in time. */
export const ask = (
  server: ApiServer["Service"],
  what: string,
  request: Parameters<ApiServer["Service"]["send"]>[0]
) =>
  Effect.scoped(Effect.flatMap(server.send(request), (response) => Answer.json(what, response))).pipe(
    Effect.timeoutOrElse({
      duration: answerTimeout,
      orElse: () => Effect.fail(unreachable(`the API server did not answer ${what} in time`))
    })
  )

/** All objects of a resource, read page by page. */
export const list = Effect.fnUntraced(function* (
  server: ApiServer["Service"],
  resource: Resource.Resource<unknown>,
  what: string
) {
  const objects: Array<unknown> = []
  let token = ""
  for (;;) {
    const answer = yield* ask(server, what, {
      method: "GET",
      path: Resource.path(resource),
      query: { limit: String(pageSize), ...(token === "" ? {} : { continue: token }) }
    })
    const page = Option.getOrUndefined(decodePage(answer))
    if (page === undefined) return yield* invalid(`the API server answered ${what} with what is no list`)
    for (const object of page.items ?? []) objects.push(object)
    token = page.metadata.continue ?? ""
    if (token === "") {
      const listed: Listed = { objects, resourceVersion: page.metadata.resourceVersion }
      return listed
    }
  }
})

/** The object of this name, or none. */
export const getOne = Effect.fnUntraced(
  function* (server: ApiServer["Service"], resource: Resource.Resource<unknown>, name: string, what: string) {
    const answer = yield* ask(server, what, {
      method: "GET",
      path: Resource.path(resource, name)
    })
    const objects: ReadonlyArray<unknown> = [answer]
    return objects
  },
  Effect.catchReason("KubernetesError", "NotFound", (_: NotFound) =>
    Effect.succeed<ReadonlyArray<unknown>>([])
  )
)
