import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Bed } from "../servers/Bed.ts"
import { compare } from "./Compare.ts"
import * as FakeApi from "../servers/FakeApi.ts"
import * as Nginx from "../servers/Nginx.ts"
import type { Comparison } from "../report/Report.ts"
import * as Rounds from "./Rounds.ts"
import * as RbacProxy from "../servers/RbacProxy.ts"
import { freePort, type Server, start } from "../servers/Server.ts"
import * as Servers from "../servers/Servers.ts"

const kib = 1024

/** A key and certificate for all servers, so that their handshakes and records cost the same. */
export const makePair = (work: string): Effect.Effect<Nginx.Pair, Error> =>
  Effect.try({
    try: () => {
      const directory = join(work, "tls")
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

/** The built program with its secure port, every caller reviewed by a fake API server. */
export const program = (
  bed: Bed,
  name: string,
  { certificate, key }: Nginx.Pair,
  executable?: string
): Effect.Effect<Server, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { origin, work } = bed
    const kubeconfig = yield* FakeApi.start(bed.work, name)
    const { args, command, log } = yield* Servers.launch({ name, work, hosts: [origin.host], executable })
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
      url: (blob) => Servers.packageUrl(port, origin.host, blob).replace("http:", "https:"),
      empty: Effect.void
    }
  })

const servers = Effect.fnUntraced(function* (
  bed: Bed,
  name: string,
  size: "large" | "small"
): Effect.fn.Return<ReadonlyArray<Server>, Error, Scope.Scope> {
  const { blobs, origin, work } = bed
  const tls = yield* makePair(work)
  return [
    yield* program(bed, name, tls),
    yield* Servers.bareNode({ blobs: [blobs[size]], work, bufferSize: 512 * kib, buffers: 2, tls }),
    yield* Nginx.files(origin, work, false, tls),
    yield* Nginx.files(origin, work, true, tls),
    ...(yield* RbacProxy.servers(bed, name, tls))
  ]
})

const note =
  "TLS 1.3, AES-128-GCM, one P-256 certificate for all; the program's callers are authenticated and authorized"

/** A large package from the cache over HTTPS, access control on, one client. */
export const large = (bed: Bed): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { extent } = bed
      return yield* compare({
        title: `HTTPS hit, ${extent.large / kib / kib} MiB, one client`,
        unit: "GB/s",
        lessIsBetter: false,
        rounds: extent.rounds,
        servers: yield* servers(bed, "secure-large", "large"),
        round: (server) => Rounds.throughput(server, bed),
        notes: [`4 downloads a round on one connection; ${note}`]
      })
    })
  )

/** Small packages over HTTPS, as fast as they are answered. */
export const small = (bed: Bed, connections: number): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { extent } = bed
      return yield* compare({
        title: `HTTPS hit, 20 KiB, ${connections} connections`,
        unit: "requests/s",
        lessIsBetter: false,
        rounds: extent.rounds,
        servers: yield* servers(bed, `secure-small-${connections}`, "small"),
        round: (server) => Rounds.requests(server, bed, connections),
        notes: [`wrk, one thread; the times are of whole requests; ${note}`]
      })
    })
  )
