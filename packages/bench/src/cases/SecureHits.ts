import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Fixture } from "../servers/Fixture.ts"
import { compareServers } from "./CompareServers.ts"
import * as FakeApiServer from "../servers/FakeApiServer.ts"
import * as Nginx from "../servers/Nginx.ts"
import type { Comparison } from "../report/Report.ts"
import * as Rounds from "./Rounds.ts"
import * as RbacProxy from "../servers/RbacProxy.ts"
import { freePort, type MeasuredServer, start } from "../servers/MeasuredServer.ts"
import * as Peers from "../servers/Peers.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"

const kib = 1024

/**
 * Creates a self-signed certificate and its key in `workDirectory`. All servers use them, so that TLS costs each server
 * the same. Fails if openssl fails.
 */
export const makeTlsPair = (workDirectory: string): Effect.Effect<Nginx.TlsPair, Error> =>
  Effect.try({
    try: () => {
      const directory = join(workDirectory, "tls")
      mkdirSync(directory, { recursive: true })
      const pair = { certificate: join(directory, "tls.crt"), key: join(directory, "tls.key") }
      const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
      const files = ["-keyout", pair.key, "-out", pair.certificate]
      const { status, stderr } = spawnSync("openssl", [
        ...kind,
        ...files,
        "-days",
        "2",
        "-subj",
        "/CN=localhost"
      ])
      if (status !== 0) throw new Error(`openssl: ${String(stderr)}`)
      return pair
    },
    catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
  })

/** Starts registry-packages-proxy with a secure port. Its API server is a fake that allows every client. */
export const startProgram = (
  fixture: Fixture,
  name: string,
  { certificate, key }: Nginx.TlsPair,
  executable?: string
): Effect.Effect<MeasuredServer, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { origin, workDirectory } = fixture
    const kubeconfig = yield* FakeApiServer.start(fixture.workDirectory, name)
    const { args, command, log } = yield* ProxyProgram.prepareLaunch({
      name,
      workDirectory,
      hosts: [origin.host],
      executable
    })
    const port = yield* freePort
    const secure = [
      `--secure-listen-address=127.0.0.1:${port}`,
      `--kubeconfig=${kubeconfig}`,
      `--tls-cert-file=${certificate}`,
      `--tls-private-key-file=${key}`
    ]
    const pid = yield* start({ command, args: [...args, ...secure], port, log })
    return {
      name: "registry-packages-proxy",
      pid,
      url: (wanted) => ProxyProgram.packageUrl(port, origin.host, wanted).replace("http:", "https:"),
      emptyCache: Effect.void
    }
  })

const servers = Effect.fnUntraced(function* (
  fixture: Fixture,
  name: string,
  size: "large" | "small"
): Effect.fn.Return<ReadonlyArray<MeasuredServer>, Error, Scope.Scope> {
  const { packages, origin, workDirectory } = fixture
  const tls = yield* makeTlsPair(workDirectory)
  return [
    yield* startProgram(fixture, name, tls),
    yield* Peers.bareNode({
      packages: [packages[size]],
      workDirectory,
      bufferSize: 512 * kib,
      buffers: 2,
      tls
    }),
    yield* Nginx.startFileServer(origin, workDirectory, false, tls),
    yield* Nginx.startFileServer(origin, workDirectory, true, tls),
    ...(yield* RbacProxy.servers(fixture, name, tls))
  ]
})

const note =
  "TLS 1.3, AES-128-GCM, one P-256 certificate for all; the program authenticates and authorizes its clients"

/**
 * Compares how fast registry-packages-proxy and other servers send a large package over HTTPS to one client.
 * registry-packages-proxy has the package in its cache, and also checks the client's access.
 */
export const large = (fixture: Fixture): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { workload } = fixture
      return yield* compareServers({
        title: `HTTPS hit, ${workload.largeBytes / kib / kib} MiB, one client`,
        unit: "GB/s",
        lessIsBetter: false,
        rounds: workload.rounds,
        servers: yield* servers(fixture, "secure-large", "large"),
        measureRound: (server) => Rounds.throughput(server, fixture),
        notes: [`4 downloads a round on one connection; ${note}`]
      })
    })
  )

/**
 * Compares the HTTPS requests per second of registry-packages-proxy and other servers. All requests are for one small
 * package. registry-packages-proxy has the package in its cache, and also checks the client's access.
 */
export const small = (fixture: Fixture, connections: number): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { workload } = fixture
      return yield* compareServers({
        title: `HTTPS hit, 20 KiB, ${connections} connections`,
        unit: "requests/s",
        lessIsBetter: false,
        rounds: workload.rounds,
        servers: yield* servers(fixture, `secure-small-${connections}`, "small"),
        measureRound: (server) => Rounds.requestRate(server, fixture, connections),
        notes: [`wrk, one thread; times of whole requests; ${note}`]
      })
    })
  )
