import { Effect, FileSystem, Path, Schema } from "effect"
import * as Command from "../../run/Command.ts"
import * as ServerBuild from "../../run/ServerBuild.ts"

/** Environment variables, such as `HTTP_PROXY` and `NO_PROXY`. */
export type EnvironmentVariables = Readonly<Record<string, string>>

/** Asks go-containerregistry to pull the last layer of an image. */
export interface PullQuestion {
  /** `host[:port]/name`. */
  readonly repository: string
  readonly digest: string
  readonly scheme: "http" | "https"
  readonly platform: string
  /** Text of a config.json for go-containerregistry's DefaultKeychain. If undefined, the pull is anonymous. */
  readonly dockerConfig?: string | undefined
  /** PEM of the trusted CAs. If undefined, the system's CAs are trusted. */
  readonly ca?: string | undefined
  /** The environment variables of the pull. */
  readonly environment?: EnvironmentVariables | undefined
}

/** Asks for the credentials that the kubelet tries for an image. */
export interface CredentialsQuestion {
  /** Text of a config.json. */
  readonly dockerConfig: string
  /** `host[:port]/name`. */
  readonly image: string
}

/** Asks which routes httpproxy chooses for the URLs, with a value of NO_PROXY. */
export interface RoutesQuestion {
  readonly noProxy: string
  readonly urls: ReadonlyArray<string>
}

/** A question to the program `servers/oracle`, which calls the other clients' Go code. */
export type Question =
  | { readonly pull: PullQuestion }
  | { readonly credentials: CredentialsQuestion }
  | { readonly routes: RoutesQuestion }

/** The route that a client chooses for a request. `invalid` means that the client refuses the URL. */
export const Route = Schema.Literals(["direct", "proxied", "invalid"])
export type Route = typeof Route.Type

/** The answer to one question. It has the field for the kind of the question, or `error`. */
const Answer = Schema.Struct({
  id: Schema.Int,
  error: Schema.optionalKey(Schema.String),
  /** SHA-256 of the pulled layer, in hexadecimal. */
  sha256: Schema.optionalKey(Schema.String),
  /** The credentials in the order in which the kubelet tries them; absent if there are none. */
  credentials: Schema.optionalKey(
    Schema.Array(Schema.Struct({ username: Schema.String, password: Schema.String }))
  ),
  /** The routes in the order of the question's URLs. */
  routes: Schema.optionalKey(Schema.Array(Route))
})
export type Answer = typeof Answer.Type

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Answer))

/** Sends all questions to one run of `servers/oracle`. Returns the answers in the order of the questions. */
export const ask = Effect.fnUntraced(function* (questions: ReadonlyArray<Question>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-oracle-" })
  const file = path.join(directory, "questions.jsonl")
  const lines = questions.map((question, id) => `${JSON.stringify({ id, ...question })}\n`)
  yield* fs.writeFileString(file, lines.join(""), { mode: 0o600 })
  // HOME is a new directory, because the oracle would read a docker config in the user's HOME.
  const written = yield* Command.run(yield* ServerBuild.buildServer("oracle"), [file], {
    env: { HOME: directory, TMPDIR: directory }
  })
  const answers = yield* Effect.forEach(written.trim().split("\n"), (line) => decode(line))
  const byId = new Map(answers.map((answer) => [answer.id, answer]))
  return questions.map((_, id) => byId.get(id))
}, Effect.scoped)
