import { anonymous, type Credential } from "@registry-packages-proxy/domain/Credential"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { PathComponents, RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import type { Repository } from "@registry-packages-proxy/registry-client/Repository"
import { Upstream } from "@registry-packages-proxy/registry-client/Upstream"
import { Effect, Layer, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"

/** A response of the simulated registry. */
export interface UpstreamResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A request of the registry client. `form` is the text of its body. */
export interface UpstreamRequest {
  readonly url: URL
  readonly authorization: string | undefined
  readonly form: string
}

/** Converts the text to latin1, and removes the characters that a header field cannot contain (NUL, CR, LF). */
export const fieldValue = (text: string): string =>
  Buffer.from(text, "latin1")
    .toString("latin1")
    .replace(/[\0\r\n]/g, "")

/** A registry client without a network. Each request immediately gets the response that `respond` returns. */
export const layer = (
  respond: (request: UpstreamRequest) => UpstreamResponse
): Layer.Layer<RegistryClient> => {
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      const form = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      const { body, headers, status } = respond({
        url,
        authorization: request.headers["authorization"],
        form
      })
      const response = HttpClientResponse.fromWeb(
        request,
        new Response(null, { status, headers: new Headers(headers) })
      )
      Object.defineProperty(response, "stream", {
        value: body.length === 0 ? Stream.empty : Stream.succeed(body)
      })
      return response
    })
  )
  return RegistryClient.layer.pipe(
    Layer.provide(Layer.succeed(Upstream, Upstream.of({ client: () => Effect.succeed(client) })))
  )
}

/**
 * Returns a repository on the host `r<number>.test`. Repositories with different numbers share no cached state in the
 * registry client.
 */
export const repository = (number: number, credential: Credential = anonymous): Repository => ({
  source: {
    scheme: "https",
    host: RegistryHost.make(`r${number}.test`),
    repositoryPrefix: PathComponents.make(""),
    credential,
    ca: undefined,
    sourceObject: "fuzz"
  },
  name: RepositoryName.make("some/packages")
})
