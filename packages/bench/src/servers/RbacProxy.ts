import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ServerBuild from "@registry-packages-proxy/e2e/run/ServerBuild"
import { which } from "@registry-packages-proxy/e2e/run/Which"
import { Console, Effect, Option, type Scope } from "effect"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Blob } from "./Blob.ts"
import { download } from "../clients/Download.ts"
import * as FakeApi from "./FakeApi.ts"
import type * as Nginx from "./Nginx.ts"
import type { Origin } from "./Origin.ts"
import { freePort, type Server, start } from "./Server.ts"
import * as Servers from "./Servers.ts"

const configFile = fileURLToPath(new URL("../../../deploy/chart/files/kube-rbac-proxy.yaml", import.meta.url))

/** The names of the peer in tables: with the real kube-rbac-proxy, and with the stand-in that end-to-end tests build. */
export const names = {
  real: "our plain port behind kube-rbac-proxy",
  standIn: "our plain port behind kube-rbac-proxy (stand-in)"
} as const

/** The kube-rbac-proxy to compare with, or why there is none. */
export type Found = { readonly command: string; readonly name: string } | { readonly missing: string }

/** Takes the one in PATH, or builds the stand-in where there is Go. */
export const find: Effect.Effect<Found> = Effect.gen(function* () {
  const [real, go] = [yield* which("kube-rbac-proxy"), yield* which("go")]
  if (Option.isNone(real) && Option.isNone(go)) {
    return { missing: "kube-rbac-proxy is not here, nor Go to build its stand-in, and is left out" }
  }
  const { command, isStandIn } = yield* ServerBuild.program("kube-rbac-proxy", Console.log)
  return { command, name: isStandIn ? names.standIn : names.real }
}).pipe(
  Effect.catch(({ message }) =>
    Effect.succeed({
      missing: `kube-rbac-proxy is left out, since its stand-in cannot be built: ${message.split("\n").slice(0, 3).join("; ")}`
    })
  ),
  Effect.provide(NodeServices.layer)
)

/** The parts of a bed that it takes. */
interface Parts {
  readonly work: string
  readonly origin: Origin
  readonly rbacProxy: Found
  readonly blobs: { readonly small: Blob }
}

/** The built bundle's plain port behind kube-rbac-proxy, both counted as one; nothing where that is missing. */
export const servers = (
  bed: Parts,
  name: string,
  { certificate, key }: Nginx.Pair
): Effect.Effect<ReadonlyArray<Server>, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { origin, rbacProxy, work } = bed
    if ("missing" in rbacProxy) return []
    const behind = `behind-${name}`
    const program = yield* Servers.program({ name: behind, work, host: origin.host })
    const port = yield* freePort
    const pid = yield* start({
      command: rbacProxy.command,
      args: [
        `--secure-listen-address=127.0.0.1:${port}`,
        `--upstream=http://127.0.0.1:${program.port}/`,
        "--ignore-paths=/healthz,/readyz",
        `--config-file=${configFile}`,
        `--kubeconfig=${yield* FakeApi.start(work, behind)}`,
        `--tls-cert-file=${certificate}`,
        `--tls-private-key-file=${key}`
      ],
      port,
      log: join(work, `kube-rbac-proxy-${name}.log`)
    })
    const server: Server = {
      name: rbacProxy.name,
      pid,
      beside: [program.pid],
      url: (blob) => Servers.packageUrl(port, origin.host, blob).replace("http:", "https:"),
      empty: Effect.void
    }
    // Known before many ask at once: it reviews each of their accesses, at 5 a second, longer than wrk waits.
    yield* download(server.url(bed.blobs.small))
    return [server]
  })
