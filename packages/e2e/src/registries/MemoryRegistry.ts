import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, FileSystem, Path } from "effect"
import * as AccessLog from "./AccessLog.ts"
import * as Daemon from "../machine/Daemon.ts"
import * as Ports from "../machine/Ports.ts"
import * as ServerBuild from "../run/ServerBuild.ts"
import * as Probe from "./Probe.ts"
import * as PrivateRegistry from "./PrivateRegistry.ts"

/** Starts go-containerregistry's in-memory registry, which serves HTTPS and requires a password. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-memory-" })
  const host = `127.0.0.1:${yield* Ports.free}`
  const authority = yield* Certificates.makeAuthority
  const tls = yield* authority.issue()
  const credentials = { host, username: "memory", password: "e2e-memory-51d0" }
  const file = (name: string) => path.join(directory, name)
  const admit = (password: string) =>
    fs.writeFileString(file("login"), `${credentials.username}:${password}\n`, { mode: 0o600 })
  yield* fs.writeFileString(file("tls.crt"), tls.chain)
  yield* fs.writeFileString(file("tls.key"), tls.key, { mode: 0o600 })
  yield* admit(credentials.password)
  const command = yield* ServerBuild.buildServer("memory-registry")
  const daemon = yield* Daemon.start("memory-registry", command, [
    host,
    ...["tls.crt", "tls.key", "login"].map(file)
  ])
  yield* Effect.raceFirst(Probe.awaitResponse(host, authority), daemon.exited)
  const registry: PrivateRegistry.PrivateRegistry = {
    host,
    ca: authority.cert,
    credentials,
    push: yield* PrivateRegistry.makePush(host, credentials, authority),
    requests: () => AccessLog.parse(daemon.lines()),
    changePassword: Effect.as(admit("e2e-rotated-e93b"), { ...credentials, password: "e2e-rotated-e93b" })
  }
  return registry
})
