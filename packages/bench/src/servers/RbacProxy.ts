import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ServerBuild from "@registry-packages-proxy/e2e/run/ServerBuild"
import { findInPath } from "@registry-packages-proxy/e2e/run/Which"
import { Console, Effect, Option, type Scope } from "effect"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { RegistryPackage } from "./RegistryPackage.ts"
import { download } from "../clients/Download.ts"
import * as FakeApiServer from "./FakeApiServer.ts"
import type * as Nginx from "./Nginx.ts"
import type { Origin } from "./Origin.ts"
import { freePort, type MeasuredServer, start } from "./MeasuredServer.ts"
import * as ProxyProgram from "./ProxyProgram.ts"

const configFile = fileURLToPath(new URL("../../../deploy/chart/files/kube-rbac-proxy.yaml", import.meta.url))

/**
 * The benchmark's tables use one of these names for registry-packages-proxy behind kube-rbac-proxy. They use `real` if
 * kube-rbac-proxy is in PATH, and `standIn` if a replacement of kube-rbac-proxy was built.
 */
export const rbacProxyNames = {
  real: "our plain port behind kube-rbac-proxy",
  standIn: "our plain port behind kube-rbac-proxy (stand-in)"
} as const

/** The kube-rbac-proxy to compare with. `missing` is the reason why there is none. */
export type RbacProxyAvailability =
  | { readonly command: string; readonly name: string }
  | { readonly missing: string }

/**
 * Finds kube-rbac-proxy in PATH. If kube-rbac-proxy is not in PATH, builds a replacement from
 * packages/e2e/servers/kube-rbac-proxy. The build requires Go. Returns `missing` if the replacement cannot be built.
 */
export const find: Effect.Effect<RbacProxyAvailability> = Effect.gen(function* () {
  const [real, go] = [yield* findInPath("kube-rbac-proxy"), yield* findInPath("go")]
  if (Option.isNone(real) && Option.isNone(go)) {
    return { missing: "kube-rbac-proxy is skipped: it is not in PATH, and Go for its stand-in is missing" }
  }
  const { command, isStandIn } = yield* ServerBuild.findOrBuild("kube-rbac-proxy", Console.log)
  return { command, name: isStandIn ? rbacProxyNames.standIn : rbacProxyNames.real }
}).pipe(
  Effect.catch(({ message }) =>
    Effect.succeed({
      missing: `kube-rbac-proxy is skipped: its stand-in cannot be built: ${message.split("\n").slice(0, 3).join("; ")}`
    })
  ),
  Effect.provide(NodeServices.layer)
)

/** The properties of `Fixture` that `servers` uses. */
interface PeerFixture {
  readonly workDirectory: string
  readonly origin: Origin
  readonly rbacProxy: RbacProxyAvailability
  readonly packages: { readonly small: RegistryPackage }
}

/**
 * Starts kube-rbac-proxy in front of the plain HTTP port of registry-packages-proxy. The measurements include both
 * processes. Returns an empty array if kube-rbac-proxy is missing.
 */
export const servers = (
  fixture: PeerFixture,
  name: string,
  { certificate, key }: Nginx.TlsPair
): Effect.Effect<ReadonlyArray<MeasuredServer>, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { origin, rbacProxy, workDirectory } = fixture
    if ("missing" in rbacProxy) return []
    const behind = `behind-${name}`
    const program = yield* ProxyProgram.start({ name: behind, workDirectory, host: origin.host })
    const port = yield* freePort
    const pid = yield* start({
      command: rbacProxy.command,
      args: [
        `--secure-listen-address=127.0.0.1:${port}`,
        `--upstream=http://127.0.0.1:${program.port}/`,
        "--ignore-paths=/healthz,/readyz",
        `--config-file=${configFile}`,
        `--kubeconfig=${yield* FakeApiServer.start(workDirectory, behind)}`,
        `--tls-cert-file=${certificate}`,
        `--tls-private-key-file=${key}`
      ],
      port,
      log: join(workDirectory, `kube-rbac-proxy-${name}.log`)
    })
    const server: MeasuredServer = {
      name: rbacProxy.name,
      pid,
      otherPids: [program.pid],
      url: (wanted) => ProxyProgram.packageUrl(port, origin.host, wanted).replace("http:", "https:"),
      emptyCache: Effect.void
    }
    // This request caches the decision. kube-rbac-proxy sends 5 reviews per second, so concurrent first requests would
    // take longer than wrk waits.
    yield* download(server.url(fixture.packages.small))
    return [server]
  })
