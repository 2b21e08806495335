import type { ServerCertificate } from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, Option, Predicate, Schema } from "effect"
import { request as send } from "node:https"
import * as Poll from "../machine/Poll.ts"

type Json = Readonly<Record<string, unknown>>

/** The API server did not do as the administrator said. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  message: Schema.String,
  status: Schema.Int
}) {}

/** An object's kind, name and namespace, which say where it is. */
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

/** How a PATCH is meant. */
const patches = {
  apply: "application/apply-patch+yaml",
  merge: "application/merge-patch+json"
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** Whoever may do everything in a cluster, by client certificate. */
export const make = (options: {
  readonly port: number
  readonly ca: string
  readonly certificate: ServerCertificate
}) => {
  const { ca, certificate, port } = options
  const ask = (method: string, path: string, body?: Json, patch: keyof typeof patches = "apply") =>
    Effect.callback<Answer, Refused>((resume) => {
      const text = body === undefined ? "" : JSON.stringify(body)
      const fail = (cause: Error) =>
        resume(Effect.fail(new Refused({ message: `${method} ${path}: ${cause.message}`, status: 0 })))
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
            // Node leaves it out of a DELETE.
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
    return yield* new Refused({ message: `${method} ${path}: ${status} ${text.slice(0, 300)}`, status })
  })

  return {
    /** Any request; gives what the API server said to it. */
    send: done,
    /** Makes an object, or changes it to be so, as `kubectl apply --server-side` does. */
    apply: (object: Json) =>
      Effect.asVoid(done("PATCH", `${pathOf(object)}?fieldManager=e2e&force=true`, object)),
    /** What applying an object would do, were it done; fields that are none are refused. */
    dryRun: (object: Json) =>
      Effect.asVoid(
        done(
          "PATCH",
          `${pathOf(object)}?fieldManager=e2e&force=true&dryRun=All&fieldValidation=Strict`,
          object
        )
      ),
    remove: (object: Json) =>
      Effect.asVoid(done("DELETE", pathOf(object))).pipe(
        Effect.catchIf(
          ({ status }) => status === 404,
          () => Effect.void
        )
      ),
    uid: (object: Json) =>
      Effect.map(done("GET", pathOf(object)), (text) => decodeUid(JSON.parse(text)).metadata.uid),
    /** What the API server says at a path. */
    text: (path: string) => done("GET", path),
    /** Returns when the API server says that it is ready. */
    ready: Poll.until(
      "readiness of the API server",
      Effect.map(Effect.option(ask("GET", "/readyz")), (answer) =>
        Option.filter(answer, ({ status }) => status === 200)
      ),
      { times: 600, millis: 100 }
    ),
    /** Returns when objects of a kind can be had, which takes a while after its definition was made. */
    served: (path: string) =>
      Poll.untilTrue(
        path,
        Effect.map(Effect.option(ask("GET", path)), (answer) =>
          Option.exists(answer, ({ status }) => status === 200)
        )
      )
  }
}

/** An administrator. */
export type KubeAdmin = ReturnType<typeof make>

/** Whether something can be an object of an API server's. */
export const isObject = (value: unknown): value is Json => Predicate.isObject(value)
