import type { Credential } from "@registry-packages-proxy/domain/Credential"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { Context, Effect, Layer, Redacted } from "effect"
import * as fc from "fast-check"
import type { Target } from "./FuzzSuite.ts"
import { near } from "./Mutations.ts"
import * as Upstreams from "./Upstreams.ts"

const manifest = new TextEncoder().encode(
  JSON.stringify({
    schemaVersion: 2,
    layers: [
      {
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        digest: `sha256:${"a".repeat(64)}`,
        size: 10
      }
    ]
  })
)
const digest = digestOf(manifest, "sha256")

const credentials: ReadonlyArray<Credential> = [
  { _tag: "Basic", username: "user", password: Redacted.make("s3cr3t") },
  { _tag: "IdentityToken", token: Redacted.make("s3cr3t") },
  {
    _tag: "IdentityToken",
    token: Redacted.make("s3cr3t"),
    login: { _tag: "Basic", username: "user", password: Redacted.make("s3cr3t") }
  },
  { _tag: "RegistryToken", token: Redacted.make("s3cr3t") },
  { _tag: "Anonymous" }
]
const secret = /s3cr3t|dXNlcjpzM2NyM3Q/

interface Asked {
  readonly header: string
  readonly credential: Credential
  readonly isAcceptedIn: "never" | "any" | "bearer"
}

/**
 * Fuzzes the WWW-Authenticate header of a registry. A pull must end after at most 8 requests. It must not send a secret
 * over plain HTTP, and its result must not show a secret.
 */
export const target: Target<Asked> = {
  name: "WWW-Authenticate",
  input: fc.record({
    header: near({
      samples: [
        'Bearer realm="https://auth.test/token",service="registry.test",scope="repository:a/b:pull"',
        'Bearer realm="http://auth.test/token"',
        'Basic realm="x", charset="UTF-8"',
        'Negotiate abc==, Basic realm="a, b", Bearer realm="https://auth.test/?x=1"',
        "Bearer"
      ],
      pieces: [
        "Bearer ",
        "Basic ",
        'realm="https://auth.test/token"',
        'realm="http://auth.test/token"',
        'realm="//[::"',
        'realm="https://user:pw@auth.test/"',
        'error="insufficient_scope"',
        'scope="a b c"',
        "a=b,",
        'a="\\',
        '\\"',
        ", ",
        "=="
      ],
      longest: 60_000
    }).map(Upstreams.fieldValue),
    credential: fc.constantFrom(...credentials),
    isAcceptedIn: fc.constantFrom("never" as const, "any" as const, "bearer" as const)
  }),
  size: ({ header }) => header.length,
  millisPerMiB: 2_000,
  make: Effect.gen(function* () {
    let current: Asked | undefined
    let asked = 0
    const leaks: Array<string> = []
    const context = yield* Layer.build(
      Upstreams.layer(({ authorization = "", form, url }) => {
        asked++
        const isRegistry = /^r\d+\.test$/.test(url.host)
        if (url.protocol !== "https:" && secret.test(`${authorization} ${form} ${url.href}`))
          leaks.push(url.href)
        if (!isRegistry || !url.pathname.startsWith("/v2/")) {
          return { status: 200, headers: {}, body: new TextEncoder().encode('{"token":"given"}') }
        }
        const isAccepted =
          current?.isAcceptedIn === "any" ? authorization !== "" : authorization === "Bearer given"
        if (current?.isAcceptedIn !== "never" && isAccepted)
          return { status: 200, headers: {}, body: manifest }
        return { status: 401, headers: { "www-authenticate": current?.header ?? "" }, body: new Uint8Array() }
      })
    )
    const client = Context.get(context, RegistryClient)
    let number = 0
    return async (input) => {
      current = input
      asked = 0
      leaks.length = 0
      const result = await Effect.runPromise(
        Effect.result(
          client.resolve(
            Upstreams.repository(number++, input.credential),
            digest,
            Platform.make("linux/amd64")
          )
        )
      )
      if (asked > 8) throw new Error(`${asked} requests`)
      if (leaks.length > 0) throw new Error(`credentials went to ${leaks.join(", ")}`)
      if (secret.test(JSON.stringify(result))) throw new Error(`it shows ${JSON.stringify(result)}`)
    }
  })
}
