import type { Digest } from "@registry-packages-proxy/oci"
import { Console, Effect } from "effect"
import { HttpClient, HttpServer } from "effect/http"

/**
 * Downloads a package from the proxy, as a node does. Prints the status and the Cache-Status. If the response has no
 * Cache-Status, prints the error's detail instead.
 */
export const download = (name: string, digest: Digest) =>
  HttpServer.addressFormattedWith(
    Effect.fnUntraced(function* (origin) {
      const response = yield* HttpClient.get(`${origin}/package?digest=${digest}`)
      const body = yield* response.text
      const [, detail = body] = /"detail":"(.{0,60})/.exec(body) ?? []
      const what = response.headers["cache-status"] ?? `${detail}...`
      yield* Console.log(`${name}: ${response.status}, ${what}`)
    })
  )
