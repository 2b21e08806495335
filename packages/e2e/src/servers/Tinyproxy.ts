import { Effect, FileSystem, Path } from "effect"
import * as Command from "../run/Command.ts"
import * as Daemon from "../machine/Daemon.ts"
import * as Ports from "../machine/Ports.ts"

const nowhere = "127.0.0.1:1"

/** Starts tinyproxy, a forward proxy that requires a password, on a loopback port. */
export const start = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-tinyproxy-" })
  const port = yield* Ports.free
  const file = path.join(directory, "tinyproxy.conf")
  const user = { name: "forward", password: "e2e-forward-9b1c" }
  yield* fs.writeFileString(
    file,
    [
      `Port ${port}`,
      "Listen 127.0.0.1",
      "Timeout 60",
      "LogLevel Info",
      "MaxClients 50",
      `BasicAuth ${user.name} ${user.password}`,
      ""
    ].join("\n")
  )
  const daemon = yield* Daemon.start("tinyproxy", "tinyproxy", ["-d", "-c", file], { cwd: directory })
  yield* daemon.waitForLine(/Accepting connections/)
  const url = `http://${user.name}:${user.password}@127.0.0.1:${port}`
  return {
    url,
    /**
     * Requests a tunnel to a closed port, and returns the target of this tunnel. Once `tunnelTargets` contains this
     * target, it also contains the targets of all earlier requests.
     */
    requestProbeTunnel: Effect.as(
      Effect.ignore(Command.run("curl", ["-sS", "--proxy", url, "--proxytunnel", `http://${nowhere}/`])),
      nowhere
    ),
    password: user.password,
    /** Returns the targets of all tunnels that clients have requested so far, each as `host:port`. */
    tunnelTargets: () =>
      daemon.lines().flatMap((line) => /Request \(.*\): CONNECT (\S+)/.exec(line)?.[1] ?? [])
  }
})
