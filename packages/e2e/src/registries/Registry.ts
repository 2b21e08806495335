import type * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, Exit, FileSystem, Path, Ref, Schedule, Scope } from "effect"
import * as AccessLog from "./AccessLog.ts"
import * as Command from "../run/Command.ts"
import * as Daemon from "../machine/Daemon.ts"
import { Logs } from "../machine/Logs.ts"
import * as Ports from "../machine/Ports.ts"
import * as PrivateRegistry from "./PrivateRegistry.ts"
import type { TokenServer } from "./TokenServer.ts"

/** The only user of the registry, with the initial password. `hash` is the bcrypt hash of the password. */
export const registryUser = {
  username: "e2e",
  password: "e2e-password-7f3a",
  hash: "$2y$05$abcdefghijklmnopqrstuuGqb3Dc.M.Dp.CJAjoTCFwx.WOaczIJK"
}

/** The password of `registryUser` after `changePassword`, and its bcrypt hash. */
const rotated = {
  password: "e2e-rotated-2c81",
  hash: "$2a$05$SSXQe9yiE./flmtFEgyUYOYQvXaH/WM.SUhmLH6iFm76IGV8ARuK2"
}

/**
 * IP address at which clients reach servers that listen on 127.0.0.1. It is not a loopback address, so clients use a
 * forward proxy for it if one is configured.
 */
export const nonLoopbackHost = "0.0.0.0"

export interface RegistryOptions {
  /** Name of the log that receives the registry's output. */
  readonly name: string
  /** The registry program of the Distribution project, of any version. */
  readonly command: string
  readonly authority: Certificates.CertificateAuthority
  /** The token service from which clients must get tokens. If undefined, the registry checks passwords itself. */
  readonly tokens?: TokenServer
}

const configuration = (options: {
  readonly directory: string
  readonly port: number
  readonly tokens: TokenServer | undefined
}) => ({
  version: "0.1",
  log: { level: "error", accesslog: { disabled: false } },
  storage: { filesystem: { rootdirectory: `${options.directory}/data` } },
  http: {
    addr: `127.0.0.1:${options.port}`,
    tls: { certificate: `${options.directory}/tls.crt`, key: `${options.directory}/tls.key` }
  },
  auth:
    options.tokens === undefined
      ? { htpasswd: { realm: "e2e", path: `${options.directory}/htpasswd` } }
      : { token: { ...options.tokens.settings, rootcertbundle: `${options.directory}/trusted/ca.crt` } }
})

/**
 * Starts the registry of the Distribution project. It serves HTTPS and requires a password. A restart does not change
 * its port.
 */
export const make = Effect.fnUntraced(function* ({ authority, command, name, tokens }: RegistryOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-registry-" })
  const port = yield* Ports.free
  const host = `127.0.0.1:${port}`
  const tls = yield* authority.issue({ subjectAltNames: ["127.0.0.1", "localhost", nonLoopbackHost] })
  const file = (name: string) => path.join(directory, name)
  yield* fs.writeFileString(file("tls.crt"), tls.chain)
  yield* fs.writeFileString(file("tls.key"), tls.key)
  yield* fs.writeFileString(file("htpasswd"), `${registryUser.username}:${registryUser.hash}\n`)
  // JSON is valid YAML.
  yield* fs.writeFileString(file("config.yml"), JSON.stringify(configuration({ directory, port, tokens })))
  yield* fs.makeDirectory(file("trusted"))
  yield* fs.writeFileString(file("trusted/ca.crt"), authority.cert)

  const log = (yield* Logs).open(name)
  const running = yield* Ref.make(yield* Scope.make())
  yield* Effect.addFinalizer((exit) => Effect.flatMap(Ref.get(running), (scope) => Scope.close(scope, exit)))

  // By default, Distribution 3 sends traces to an OpenTelemetry collector.
  const env = { OTEL_TRACES_EXPORTER: "none" }
  const isUp = Command.run("curl", ["-sS", "--cacert", file("trusted/ca.crt"), `https://${host}/v2/`]).pipe(
    Effect.retry({ times: 300, schedule: Schedule.spaced(50) })
  )

  const start = Effect.gen(function* () {
    const scope = yield* Ref.get(running)
    const daemon = yield* Daemon.start(name, command, ["serve", file("config.yml")], {
      env,
      cwd: directory
    }).pipe(Scope.provide(scope))
    yield* Effect.raceFirst(isUp, daemon.exited)
  })

  const stop = Effect.gen(function* () {
    const stopped = yield* Ref.getAndSet(running, yield* Scope.make())
    yield* Scope.close(stopped, Exit.void)
  })

  const credentials = { host, username: registryUser.username, password: registryUser.password }
  const push = yield* PrivateRegistry.makePush(host, credentials, authority)

  yield* start
  return {
    host,
    ca: authority.cert,
    credentials,
    /** Stops the registry, runs `body`, and starts the registry again. */
    whileDown: <A, E, R>(body: Effect.Effect<A, E, R>) =>
      Effect.acquireUseRelease(
        stop,
        () => body,
        () => Effect.orDie(start)
      ),
    push,
    /** Changes the password of `registryUser`, and returns the new credentials. */
    changePassword: Effect.gen(function* () {
      yield* fs.writeFileString(file("htpasswd"), `${registryUser.username}:${rotated.hash}\n`)
      tokens?.setPassword(rotated.password)
      return { ...credentials, password: rotated.password }
    }),
    /** Returns all requests that the registry has received so far, including those before a restart. */
    requests: () => AccessLog.parse(log.lines())
  }
})

/** A running registry of the Distribution project. */
export type Registry = Effect.Success<ReturnType<typeof make>>
