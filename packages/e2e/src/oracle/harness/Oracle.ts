import { Effect, FileSystem, Path, Schema } from "effect"
import * as Command from "../../run/Command.ts"
import * as ServerBuild from "../../run/ServerBuild.ts"

/** Environment variables of a client, such as `HTTP_PROXY` and `NO_PROXY`. */
export type EnvironmentVariables = Readonly<Record<string, string>>

/** Parameters of a pull by go-containerregistry, which pulls only the last layer of the image. */
export interface PullQuestion {
  /** Repository of the image, as `host[:port]/name`. */
  readonly repository: string
  readonly digest: string
  readonly scheme: "http" | "https"
  readonly platform: string
  /** Text of a config.json for go-containerregistry's DefaultKeychain. If undefined, the pull is anonymous. */
  readonly dockerConfig?: string | undefined
  /** PEM of the CAs that go-containerregistry trusts. If undefined, it trusts the CAs of the system. */
  readonly ca?: string | undefined
  /** Proxy environment variables of the pull. */
  readonly environment?: EnvironmentVariables | undefined
}

/** A question about the credentials that the kubelet tries when it pulls an image. */
export interface CredentialsQuestion {
  /** Text of the config.json that the kubelet reads. */
  readonly dockerConfig: string
  /** The image, as `host[:port]/name`. */
  readonly image: string
}

/** Asks which routes httpproxy chooses for `urls` if the variable NO_PROXY has the value `noProxy`. */
export interface RoutesQuestion {
  readonly noProxy: string
  readonly urls: ReadonlyArray<string>
}

/**
 * A question to the Go program in `servers/oracle`. The program finds the answer with the code of go-containerregistry,
 * of the kubelet or of httpproxy.
 */
export type Question =
  | { readonly pull: PullQuestion }
  | { readonly credentials: CredentialsQuestion }
  | { readonly routes: RoutesQuestion }

/**
 * The route that a client chooses for a URL. `proxied` is the route through a forward proxy. `invalid` means that the
 * client refuses the URL.
 */
export const Route = Schema.Literals(["direct", "proxied", "invalid"])
export type Route = typeof Route.Type

/**
 * The answer to one question. It has `sha256` for a `pull` question, `credentials` for a `credentials` question, and
 * `routes` for a `routes` question. If the program found no answer, it has `error` instead.
 */
const Answer = Schema.Struct({
  id: Schema.Int,
  error: Schema.optionalKey(Schema.String),
  /** SHA-256 of the pulled layer, in hexadecimal. */
  sha256: Schema.optionalKey(Schema.String),
  /** Credentials in the order in which the kubelet tries them. Absent if the kubelet tries none. */
  credentials: Schema.optionalKey(
    Schema.Array(Schema.Struct({ username: Schema.String, password: Schema.String }))
  ),
  /** Routes for the URLs in `RoutesQuestion.urls`, in the same order. */
  routes: Schema.optionalKey(Schema.Array(Route))
})
export type Answer = typeof Answer.Type

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Answer))

/**
 * Runs `servers/oracle` once with all questions. Returns the answers in the order of the questions. An answer is
 * undefined if the program printed none.
 */
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
