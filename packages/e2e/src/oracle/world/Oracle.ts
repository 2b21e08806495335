import { Effect, FileSystem, Path, Schema } from "effect"
import * as Command from "../../run/Command.ts"
import * as ServerBuild from "../../run/ServerBuild.ts"

/** Variables as a process would have them: `HTTP_PROXY`, `NO_PROXY` and so on. */
export type Variables = Readonly<Record<string, string>>

/** A pull of an image's last layer by go-containerregistry. */
export interface Pull {
  /** `host[:port]/name`. */
  readonly repository: string
  readonly digest: string
  readonly scheme: "http" | "https"
  readonly platform: string
  /** A config.json's text, read by go-containerregistry's DefaultKeychain; anonymous where it is missing. */
  readonly dockerConfig?: string | undefined
  /** PEM, in place of the system's certificates. */
  readonly ca?: string | undefined
  readonly environment?: Variables | undefined
}

/** The credentials that the kubelet would try for an image. */
export interface CredentialsQuestion {
  /** A config.json's text. */
  readonly dockerConfig: string
  /** `host[:port]/name`. */
  readonly image: string
}

/** The servers that a request goes to directly, under a NO_PROXY. */
export interface RoutesQuestion {
  readonly noProxy: string
  readonly urls: ReadonlyArray<string>
}

export type Question =
  | { readonly pull: Pull }
  | { readonly credentials: CredentialsQuestion }
  | { readonly routes: RoutesQuestion }

/** The way of a request; `invalid` where the URL is refused. */
export const Route = Schema.Literals(["direct", "proxied", "invalid"])
export type Route = typeof Route.Type

const Answer = Schema.Struct({
  id: Schema.Int,
  error: Schema.optionalKey(Schema.String),
  /** In hexadecimal, of the layer that was pulled. */
  sha256: Schema.optionalKey(Schema.String),
  /** In the order in which they are tried; missing where there are none. */
  credentials: Schema.optionalKey(
    Schema.Array(Schema.Struct({ username: Schema.String, password: Schema.String }))
  ),
  /** For each URL. */
  routes: Schema.optionalKey(Schema.Array(Route))
})
export type Answer = typeof Answer.Type

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Answer))

/** Has one run of `servers/oracle` answer all questions, as many at a time as there are; the answers are in their order. */
export const ask = Effect.fnUntraced(function* (questions: ReadonlyArray<Question>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-oracle-" })
  const file = path.join(directory, "questions.jsonl")
  const lines = questions.map((question, id) => `${JSON.stringify({ id, ...question })}\n`)
  yield* fs.writeFileString(file, lines.join(""), { mode: 0o600 })
  // Without a HOME of the user's, whose docker config would be read.
  const written = yield* Command.run(yield* ServerBuild.binary("oracle"), [file], {
    env: { HOME: directory, TMPDIR: directory }
  })
  const answers = yield* Effect.forEach(written.trim().split("\n"), (line) => decode(line))
  const byId = new Map(answers.map((answer) => [answer.id, answer]))
  return questions.map((_, id) => byId.get(id))
}, Effect.scoped)
