import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, Exit, FileSystem, Path, Ref, Scope } from "effect"
import { fileURLToPath } from "node:url"
import { loadAll } from "js-yaml"
import * as Command from "../run/Command.ts"
import * as CollectedOutput from "../run/CollectedOutput.ts"
import * as Daemon from "../machine/Daemon.ts"
import * as KubeAdmin from "./KubeAdmin.ts"
import * as KubeToken from "./KubeToken.ts"
import * as Ports from "../machine/Ports.ts"

type Json = Readonly<Record<string, unknown>>

/** The service account of registry-packages-proxy. */
export const programServiceAccount = {
  namespace: "d8-cloud-instance-manager",
  name: "registry-packages-proxy"
}

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Path of the manifest that contains the permissions of registry-packages-proxy. */
export const rbacFile = file("../../../deploy/rbac.yaml")

/** Reads a YAML file with several documents, and returns the documents that are objects. */
export const readObjects = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const documents = loadAll(yield* fs.readFileString(path))
  return documents.filter(KubeAdmin.isJsonObject)
})

const namespace = (name: string): Json => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })

/** Options of a cluster that `make` starts. */
export interface ClusterOptions {
  /**
   * True if the cluster has the service account of registry-packages-proxy with the permissions of rbac.yaml. Default:
   * true.
   */
  readonly hasProgramAccount?: boolean
}

/**
 * Starts etcd and a kube-apiserver with RBAC, and creates the ModuleSource CRD. A restart of the kube-apiserver does
 * not change its port. `program` is the path of the program that contains etcd and the kube-apiserver.
 */
export const make = Effect.fnUntraced(function* (
  program: string,
  { hasProgramAccount = true }: ClusterOptions = {}
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-cluster-" })
  const at = (name: string) => path.join(directory, name)
  const [etcdPort, peerPort, port] = [yield* Ports.free, yield* Ports.free, yield* Ports.free]
  const authority = yield* Certificates.makeAuthority
  const serving = yield* authority.issue()
  const administrator = yield* authority.issue({
    commonName: "e2e-admin",
    organizations: ["system:masters"],
    extendedKeyUsage: "client"
  })
  const key = KubeToken.makeSigningKey()
  for (const [name, text] of Object.entries({
    "ca.crt": authority.cert,
    "tls.crt": serving.chain,
    "tls.key": serving.key,
    "sa.key": key.privatePem,
    "sa.pub": key.publicPem
  })) {
    yield* fs.writeFileString(at(name), text, { mode: 0o600 })
  }

  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const peerUrl = `http://127.0.0.1:${peerPort}`
  yield* Daemon.start("etcd", program, [
    "etcd",
    "--name=e2e",
    `--data-dir=${at("etcd")}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=e2e=${peerUrl}`,
    "--unsafe-no-fsync",
    "--log-level=warn"
  ])

  const startApi = (port: number) =>
    Daemon.start("kube-apiserver", program, [
      "kube-apiserver",
      `--etcd-servers=${etcdUrl}`,
      // Only `compact` compacts etcd's history.
      "--etcd-compaction-interval=0",
      "--bind-address=127.0.0.1",
      "--advertise-address=10.255.255.1",
      `--secure-port=${port}`,
      `--tls-cert-file=${at("tls.crt")}`,
      `--tls-private-key-file=${at("tls.key")}`,
      `--client-ca-file=${at("ca.crt")}`,
      `--service-account-issuer=${KubeToken.tokenIssuer}`,
      `--service-account-key-file=${at("sa.pub")}`,
      `--service-account-signing-key-file=${at("sa.key")}`,
      "--service-cluster-ip-range=10.255.0.0/24",
      "--endpoint-reconciler-type=none",
      "--authorization-mode=RBAC",
      "--enable-bootstrap-token-auth=true",
      "--profiling=false"
    ])

  const adminAt = (port: number) => KubeAdmin.make({ port, ca: authority.cert, certificate: administrator })
  const admin = adminAt(port)

  const running = yield* Ref.make(yield* Scope.make())
  yield* Effect.addFinalizer((exit) => Effect.flatMap(Ref.get(running), (scope) => Scope.close(scope, exit)))
  const start = Effect.gen(function* () {
    const scope = yield* Ref.get(running)
    const daemon = yield* Scope.provide(startApi(port), scope)
    yield* Effect.raceFirst(admin.awaitReady, daemon.exited)
    return daemon
  })
  const daemon = yield* Ref.make(yield* start)

  yield* Effect.forEach(
    [
      ...["d8-system", programServiceAccount.namespace, "testkit"].map(namespace),
      ...(yield* readObjects(file("../../fixtures/modulesource-crd.yaml"))),
      ...(hasProgramAccount ? yield* readObjects(rbacFile) : [])
    ],
    admin.apply,
    { discard: true }
  )
  yield* admin.awaitServed("/apis/deckhouse.io/v1alpha1/modulesources")

  /** Issues a token for an existing service account. The default lifetime is one hour. */
  const tokenOf = Effect.fnUntraced(function* (
    { name, namespace }: { readonly name: string; readonly namespace: string },
    lifetimeSeconds: number = 3600,
    audience?: string
  ) {
    const uid = yield* admin.uidOf({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace }
    })
    const token = KubeToken.make(key, { name, namespace, uid }, lifetimeSeconds, audience)
    CollectedOutput.addSecret(`the token of ${namespace}/${name}`, token)
    return token
  })

  const kubeconfig = Effect.fnUntraced(function* (name: string, user: Json) {
    const text = JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "e2e",
      contexts: [{ name: "e2e", context: { cluster: "e2e", user: "e2e" } }],
      clusters: [
        {
          name: "e2e",
          cluster: {
            server: `https://127.0.0.1:${port}`,
            "certificate-authority-data": btoa(authority.cert)
          }
        }
      ],
      users: [{ name: "e2e", user }]
    })
    yield* fs.writeFileString(at(name), text, { mode: 0o600 })
    return at(name)
  })

  /**
   * Writes a kubeconfig for registry-packages-proxy, and the token file to which it refers. Returns the paths of both
   * files.
   */
  const programKubeconfig = Effect.fnUntraced(function* (name: string, token: string) {
    const tokenFile = at(`${name}.token`)
    yield* fs.writeFileString(tokenFile, token, { mode: 0o600 })
    return { kubeconfig: yield* kubeconfig(name, { tokenFile }), tokenFile }
  })

  return {
    admin,
    port,
    /** Paths of the CA certificate, and of the private key that signs service account tokens. */
    files: { authority: at("ca.crt"), accountKey: at("sa.key") },
    tokenOf,
    programKubeconfig,
    adminKubeconfig: kubeconfig("admin", {
      "client-certificate-data": btoa(administrator.chain),
      "client-key-data": btoa(administrator.key)
    }),
    /** Kills the API server, runs `body`, and starts the API server again. */
    whileDown: <A, E, R>(body: Effect.Effect<A, E, R>) =>
      Effect.acquireUseRelease(
        Effect.gen(function* () {
          yield* Effect.flatMap(Ref.get(daemon), ({ kill }) => kill)
          yield* Scope.close(yield* Ref.getAndSet(running, yield* Scope.make()), Exit.void)
        }),
        () => body,
        () => Effect.orDie(Effect.flatMap(start, (started) => Ref.set(daemon, started)))
      ),
    /**
     * Runs `body` with a second API server that uses the same etcd. registry-packages-proxy is not connected to the
     * second API server.
     */
    throughAnotherServer: <A, E, R>(body: (admin: KubeAdmin.KubeAdmin) => Effect.Effect<A, E, R>) =>
      Effect.scoped(
        Effect.gen(function* () {
          const port = yield* Ports.free
          const daemon = yield* startApi(port)
          const admin = adminAt(port)
          yield* Effect.raceFirst(admin.awaitReady, daemon.exited)
          return yield* body(admin)
        })
      ),
    /** Compacts etcd's history up to the current revision, so that no watch can resume from an earlier one. */
    compact: Command.run(program, ["compact", etcdUrl])
  }
})

export type KubeCluster = Effect.Success<ReturnType<typeof make>>
