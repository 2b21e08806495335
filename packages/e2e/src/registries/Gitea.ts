import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, FileSystem, Path, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as AccessLog from "./AccessLog.ts"
import * as Command from "../run/Command.ts"
import * as Daemon from "../machine/Daemon.ts"
import * as Ports from "../machine/Ports.ts"
import * as ServerBuild from "../run/ServerBuild.ts"
import * as PrivateRegistry from "./PrivateRegistry.ts"
import * as Probe from "./Probe.ts"

const sources = fileURLToPath(new URL("../../servers/gitea", import.meta.url))
const module = "code.gitea.io/gitea"

const Downloaded = Schema.fromJsonString(Schema.Struct({ Dir: Schema.String }))

/** Downloads Gitea's Go module and returns its directory, from which Gitea reads its translations. */
const moduleDirectory = Command.run("go", ["mod", "download", "-json", module], {
  cwd: sources,
  inheritsEnvironment: true
}).pipe(
  Effect.flatMap(Schema.decodeUnknownEffect(Downloaded)),
  Effect.map(({ Dir }) => Dir)
)

type Section = Readonly<Record<string, string | number | boolean>>

const ini = (sections: Readonly<Record<string, Section>>): string =>
  Object.entries(sections)
    .map(([name, values]) =>
      [
        ...(name === "" ? [] : [`[${name}]`]),
        ...Object.entries(values).map(([key, value]) => `${key} = ${value}`),
        ""
      ].join("\n")
    )
    .join("\n")

const secret = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url")

const settings = (options: {
  readonly directory: string
  readonly port: number
  readonly staticFiles: string
}): string => {
  const { directory, port, staticFiles } = options
  return ini({
    "": { RUN_MODE: "prod", WORK_PATH: directory, I_AM_BEING_UNSAFE_RUNNING_AS_ROOT: true },
    server: {
      PROTOCOL: "https",
      CERT_FILE: `${directory}/tls.crt`,
      KEY_FILE: `${directory}/tls.key`,
      HTTP_ADDR: "127.0.0.1",
      HTTP_PORT: port,
      ROOT_URL: `https://127.0.0.1:${port}/`,
      STATIC_ROOT_PATH: staticFiles,
      DISABLE_SSH: true,
      OFFLINE_MODE: true
    },
    database: { DB_TYPE: "sqlite3", PATH: `${directory}/gitea.db` },
    security: {
      INSTALL_LOCK: true,
      SECRET_KEY: secret(),
      INTERNAL_TOKEN: secret(),
      PASSWORD_HASH_ALGO: "pbkdf2$1000$50"
    },
    oauth2: { JWT_SECRET: secret() },
    service: { REQUIRE_SIGNIN_VIEW: true, DISABLE_REGISTRATION: true },
    indexer: { ISSUE_INDEXER_TYPE: "db" },
    cron: { ENABLED: false },
    log: { MODE: "console", LEVEL: "Warn", "logger.access.MODE": "requests" },
    "log.requests": { MODE: "console", LEVEL: "Info", FLAGS: "none" }
  })
}

/** Starts Gitea as a registry. Each request requires a token. Each repository name begins with the user's name. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-gitea-" })
  const port = yield* Ports.free
  const host = `127.0.0.1:${port}`
  const authority = yield* Certificates.makeAuthority
  const tls = yield* authority.issue()
  const credentials = { host, username: "e2e", password: "e2e-gitea-4b7C" }
  const file = (name: string) => path.join(directory, name)
  yield* fs.writeFileString(file("tls.crt"), tls.chain)
  yield* fs.writeFileString(file("tls.key"), tls.key, { mode: 0o600 })
  yield* fs.writeFileString(
    file("app.ini"),
    settings({ directory, port, staticFiles: yield* moduleDirectory }),
    { mode: 0o600 }
  )
  const command = yield* ServerBuild.buildServer("gitea")
  const options = { cwd: directory, env: { HOME: directory } }
  const gitea = (...args: ReadonlyArray<string>) =>
    Command.run(command, ["--config", file("app.ini"), ...args], options)
  const user = ["--username", credentials.username, "--must-change-password=false"]
  yield* gitea("migrate")
  yield* gitea(
    "admin",
    "user",
    "create",
    ...user,
    "--password",
    credentials.password,
    "--email",
    "e2e@example.test"
  )
  const daemon = yield* Daemon.start("gitea", command, ["--config", file("app.ini"), "web"], options)
  yield* Effect.raceFirst(Probe.awaitResponse(host, authority), daemon.exited)
  const rotated = "e2e-rotated-8F1d"
  const registry: PrivateRegistry.PrivateRegistry = {
    host,
    ca: authority.cert,
    credentials,
    repositoryOwner: credentials.username,
    ignoresRanges: true,
    push: yield* PrivateRegistry.makePush(host, credentials, authority),
    requests: () => AccessLog.parse(daemon.lines()),
    changePassword: Effect.as(gitea("admin", "user", "change-password", ...user, "--password", rotated), {
      ...credentials,
      password: rotated
    })
  }
  return registry
})
