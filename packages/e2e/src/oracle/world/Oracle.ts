import { Effect, FileSystem, Path, Schema } from "effect"
import * as Command from "../../run/Command.ts"
import * as ServerBuild from "../../run/ServerBuild.ts"

/** Environment variables, such as `HTTP_PROXY` and `NO_PROXY`. */
export type Variables = Readonly<Record<string, string>>

/** Pulls an image's last layer with go-containerregistry. */
export interface Pull {
  /** `host[:port]/name`. */
  readonly repository: string
  readonly digest: string
  readonly scheme: "http" | "https"
  readonly platform: string
  /** Text of a config.json for go-containerregistry's DefaultKeychain; anonymous without it. */
  readonly dockerConfig?: string | undefined
  /** PEM, replaces the system's certificates. */
  readonly ca?: string | undefined
  readonly environment?: Variables | undefined
}

/** Asks for the credentials that the kubelet tries for an image. */
export interface CredentialsQuestion {
  /** Text of a config.json. */
  readonly dockerConfig: string
  /** `host[:port]/name`. */
  readonly image: string
}

/** Asks for the routes of requests under a NO_PROXY value. */
export interface RoutesQuestion {
  readonly noProxy: string
  readonly urls: ReadonlyArray<string>
}

export type Question =
  | { readonly pull: Pull }
  | { readonly credentials: CredentialsQuestion }
  | { readonly routes: RoutesQuestion }

/** The route of a request; `invalid` if the URL is refused. */
export const Route = Schema.Literals(["direct", "proxied", "invalid"])
export type Route = typeof Route.Type

const Answer = Schema.Struct({
  id: Schema.Int,
  error: Schema.optionalKey(Schema.String),
  /** Of the pulled layer, in hexadecimal. */
  sha256: Schema.optionalKey(Schema.String),
  /** In the order of the attempts; absent if there are none. */
  credentials: Schema.optionalKey(
    Schema.Array(Schema.Struct({ username: Schema.String, password: Schema.String }))
  ),
  /** By URL. */
  routes: Schema.optionalKey(Schema.Array(Route))
})
export type Answer = typeof Answer.Type

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Answer))

/** Sends all questions to one run of `servers/oracle`; the answers are in the same order. */
export const ask = Effect.fnUntraced(function* (questions: ReadonlyArray<Question>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-oracle-" })
  const file = path.join(directory, "questions.jsonl")
  const lines = questions.map((question, id) => `${JSON.stringify({ id, ...question })}\n`)
  yield* fs.writeFileString(file, lines.join(""), { mode: 0o600 })
  // Without the user's HOME, whose docker config would be read.
  const written = yield* Command.run(yield* ServerBuild.binary("oracle"), [file], {
    env: { HOME: directory, TMPDIR: directory }
  })
  const answers = yield* Effect.forEach(written.trim().split("\n"), (line) => decode(line))
  const byId = new Map(answers.map((answer) => [answer.id, answer]))
  return questions.map((_, id) => byId.get(id))
}, Effect.scoped)
