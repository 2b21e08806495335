import { Effect, Option, Schema } from "effect"
import type { ApiServer } from "../../ApiServer.ts"
import { invalid, type NotFound } from "../../KubernetesError.ts"
import * as Resource from "../../Resource.ts"
import { sendJson } from "./JsonRequest.ts"

/** The maximum number of objects in one page of a list. */
export const pageSize = 500

const Page = Schema.Struct({
  metadata: Schema.Struct({
    resourceVersion: Schema.String,
    continue: Schema.optionalKey(Schema.String)
  }),
  // Go encodes a nil slice as null.
  items: Schema.NullOr(Schema.Array(Schema.Unknown))
})

const decodePage = Schema.decodeUnknownOption(Page)

/** The objects of a collection, and the resource version from which a watch continues. */
export interface ListResult {
  readonly objects: ReadonlyArray<unknown>
  readonly resourceVersion: string
}

/** Lists all objects of a resource, page by page. */
export const list = Effect.fnUntraced(function* (
  server: ApiServer["Service"],
  resource: Resource.Resource<unknown>,
  operation: string
) {
  const objects: Array<unknown> = []
  let token = ""
  for (;;) {
    const response = yield* sendJson(server, operation, {
      method: "GET",
      path: Resource.path(resource),
      query: { limit: String(pageSize), ...(token === "" ? {} : { continue: token }) }
    })
    const page = Option.getOrUndefined(decodePage(response))
    if (page === undefined)
      return yield* invalid(`the API server's response to ${operation} is not a Kubernetes list`)
    for (const object of page.items ?? []) objects.push(object)
    token = page.metadata.continue ?? ""
    if (token === "") {
      const listed: ListResult = { objects, resourceVersion: page.metadata.resourceVersion }
      return listed
    }
  }
})

/** Gets one object. Returns an array of this object, or an empty array if the object does not exist. */
export const getAsList = Effect.fnUntraced(
  function* (
    server: ApiServer["Service"],
    resource: Resource.Resource<unknown>,
    name: string,
    operation: string
  ) {
    const object = yield* sendJson(server, operation, {
      method: "GET",
      path: Resource.path(resource, name)
    })
    const objects: ReadonlyArray<unknown> = [object]
    return objects
  },
  Effect.catchReason("KubernetesError", "NotFound", (_: NotFound) =>
    Effect.succeed<ReadonlyArray<unknown>>([])
  )
)
