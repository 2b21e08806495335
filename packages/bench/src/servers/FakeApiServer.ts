import { Effect, type Scope } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort, start as startServer } from "./MeasuredServer.ts"

const reviews = fileURLToPath(new URL("FakeApiServerProgram.ts", import.meta.url))

/** Starts a fake Kubernetes API server that allows every client. Returns the path of a kubeconfig for this server. */
export const start = (workDirectory: string, name: string): Effect.Effect<string, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    yield* startServer({
      command: process.execPath,
      args: [reviews, String(port)],
      port,
      log: join(workDirectory, `reviews-${name}.log`)
    })
    const kubeconfig = join(workDirectory, `kubeconfig-${name}`)
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "bench",
        contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
        clusters: [{ name: "bench", cluster: { server: `http://127.0.0.1:${port}` } }],
        users: [{ name: "bench", user: { token: "bench" } }]
      })
    )
    return kubeconfig
  })
