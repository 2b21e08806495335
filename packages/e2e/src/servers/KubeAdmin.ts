import type { IssuedCertificate } from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, Option, Predicate, Schema } from "effect"
import { request as send } from "node:https"
import * as Eventually from "../machine/Eventually.ts"

type Json = Readonly<Record<string, unknown>>

/**
 * The API server responded with a status other than 2xx, or the connection failed. `status` is 0 if the connection
 * failed.
 */
export class AdminRequestFailed extends Schema.TaggedError<AdminRequestFailed>()("AdminRequestFailed", {
  message: Schema.String,
  status: Schema.Int
}) {}

/** The fields of a Kubernetes object that determine its URL path. */
const Envelope = Schema.Struct({
  apiVersion: Schema.String,
  kind: Schema.String,
  metadata: Schema.Struct({ name: Schema.String, namespace: Schema.optionalKey(Schema.String) })
})

const decodeEnvelope = Schema.decodeUnknownSync(Envelope)

const decodeUid = Schema.decodeUnknownSync(Schema.Struct({ metadata: Schema.Struct({ uid: Schema.String }) }))

const pathOf = (object: Json): string => {
  const { apiVersion, kind, metadata } = decodeEnvelope(object)
  const root = apiVersion.includes("/") ? "/apis" : "/api"
  const within = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`
  const plural = kind.toLowerCase().replace(/(?:y|s)$/, (end) => (end === "y" ? "ie" : "se"))
  return `${root}/${apiVersion}${within}/${plural}s/${encodeURIComponent(metadata.name)}`
}

/** Content-Type of PATCH requests, for each kind of patch. */
const patches = {
  apply: "application/apply-patch+yaml",
  merge: "application/merge-patch+json"
}

interface ApiResponse {
  readonly status: number
  readonly text: string
}

/** Makes a Kubernetes client that authenticates with an administrator's certificate. */
export const make = (options: {
  readonly port: number
  readonly ca: string
  readonly certificate: IssuedCertificate
}) => {
  const { ca, certificate, port } = options
  const ask = (method: string, path: string, body?: Json, patch: keyof typeof patches = "apply") =>
    Effect.callback<ApiResponse, AdminRequestFailed>((resume) => {
      const text = body === undefined ? "" : JSON.stringify(body)
      const fail = (cause: Error) =>
        resume(
          Effect.fail(new AdminRequestFailed({ message: `${method} ${path}: ${cause.message}`, status: 0 }))
        )
      const outgoing = send(
        {
          host: "127.0.0.1",
          port,
          method,
          path,
          ca,
          cert: certificate.chain,
          key: certificate.key,
          agent: false,
          headers: {
            "content-type": method === "PATCH" ? patches[patch] : "application/json",
            // Node omits this field for DELETE.
            "content-length": Buffer.byteLength(text)
          }
        },
        (response) => {
          const chunks: Array<Buffer> = []
          response.on("data", (chunk: Buffer) => chunks.push(chunk))
          response.on("error", fail)
          response.on("end", () =>
            resume(
              Effect.succeed({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
            )
          )
        }
      )
      outgoing.on("error", fail)
      outgoing.end(text)
    })

  const done = Effect.fnUntraced(function* (
    method: string,
    path: string,
    body?: Json,
    patch?: keyof typeof patches
  ) {
    const { status, text } = yield* ask(method, path, body, patch)
    if (status >= 200 && status < 300) return text
    return yield* new AdminRequestFailed({
      message: `${method} ${path}: ${status} ${text.slice(0, 300)}`,
      status
    })
  })

  return {
    /**
     * Sends a request and returns the response body. Fails with `AdminRequestFailed` if the connection fails or the
     * status is not 2xx.
     */
    send: done,
    /** Creates or changes an object, like `kubectl apply --server-side --force-conflicts`. */
    apply: (object: Json) =>
      Effect.asVoid(done("PATCH", `${pathOf(object)}?fieldManager=e2e&force=true`, object)),
    /**
     * Validates an object in the API server, without storing it. Fails if the object is invalid or contains unknown
     * fields.
     */
    dryRun: (object: Json) =>
      Effect.asVoid(
        done(
          "PATCH",
          `${pathOf(object)}?fieldManager=e2e&force=true&dryRun=All&fieldValidation=Strict`,
          object
        )
      ),
    /** Deletes an object. Succeeds if the object does not exist. */
    remove: (object: Json) =>
      Effect.asVoid(done("DELETE", pathOf(object))).pipe(
        Effect.catchIf(
          ({ status }) => status === 404,
          () => Effect.void
        )
      ),
    /** Returns the `metadata.uid` of an existing object. */
    uidOf: (object: Json) =>
      Effect.map(done("GET", pathOf(object)), (text) => decodeUid(JSON.parse(text)).metadata.uid),
    /** Sends a GET request and returns the response body. Fails like `send`. */
    get: (path: string) => done("GET", path),
    /** Waits up to one minute until GET /readyz returns 200. */
    awaitReady: Eventually.value(
      "readiness of the API server",
      Effect.map(Effect.option(ask("GET", "/readyz")), (answer) =>
        Option.filter(answer, ({ status }) => status === 200)
      ),
      { times: 600, intervalMillis: 100 }
    ),
    /**
     * Waits up to 30 s until a GET request for `path` returns 200. The API server serves the objects of a new CRD only
     * after some time.
     */
    awaitServed: (path: string) =>
      Eventually.isTrue(
        path,
        Effect.map(Effect.option(ask("GET", path)), (answer) =>
          Option.exists(answer, ({ status }) => status === 200)
        )
      )
  }
}

export type KubeAdmin = ReturnType<typeof make>

/** True if the value is a JSON object. */
export const isJsonObject = (value: unknown): value is Json => Predicate.isObject(value)
