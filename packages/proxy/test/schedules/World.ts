import * as NodeServices from "@effect/platform-node/NodeServices"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import * as Feed from "@registry-packages-proxy/credential-store/feeds/Feed"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { InodeChanges } from "@registry-packages-proxy/digest-cache/InodeChanges"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { Upstream } from "@registry-packages-proxy/registry-client/Upstream"
import * as TestFeed from "@registry-packages-proxy/testkit/credential-store/TestFeed"
import * as Objects from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import {
  FileFaults,
  layer as layerFaulty
} from "@registry-packages-proxy/testkit/blob-store/FaultyFileSystem"
import { MemorySocket } from "@registry-packages-proxy/testkit/machine/MemorySocket"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Context, Duration, Effect, Exit, FileSystem, Latch, Layer, Path, Scope } from "effect"
import { layerPlain } from "../../src/http/server/Listener.ts"
import { makePlainServer } from "../../src/http/server/NodeServer.ts"
import { Disk } from "./Disk.ts"
import { cap, memory, packages, registryName, repository } from "./Packages.ts"
import { Activity, advanceUntilEnd } from "./Settling.ts"
import type { Step } from "./Step.ts"

export const credentials = { username: "user", password: "right" }

/** The maximum number of bytes that a connection buffers for a client that does not read. */
const socketBuffer = 64 * 1024

type Login = Extract<Step, { readonly _tag: "Login" }>["login"]

const moduleSource = (login: "right" | "wrong" | "unreadable") =>
  Objects.moduleSource({
    name: "modules",
    repo: repository,
    ...(login === "unreadable"
      ? { dockerCfg: "?" }
      : {
          credentials: {
            ...credentials,
            host: "registry.test",
            password: login === "right" ? credentials.password : "wrong"
          }
        })
  })

const eventOf = (login: Login): Feed.FeedEvent => {
  switch (login) {
    case "gone":
      return Feed.synced([])
    case "out of touch":
      return Feed.stale("a test says so")
    default:
      return Feed.synced([moduleSource(login)])
  }
}

/** Starts registry-packages-proxy with this disk and this upstream. This run lasts until `stop` or `crash`. */
const begin = Effect.fnUntraced(function* (options: {
  readonly disk: Disk
  readonly activity: Activity
  readonly upstream: Upstream["Service"]
  readonly synced: boolean
}) {
  const { disk, activity, upstream } = options
  const scope = yield* Scope.make()
  const server = makePlainServer()
  const feed = yield* TestFeed.make("credentials file test.yaml", 0, "credentials-files")
  let dead = false
  const { fileSystem, inodeChanges } = disk.files(
    yield* FileSystem.FileSystem,
    yield* InodeChanges,
    activity,
    () => dead
  )
  const files = Layer.fresh(layerFaulty).pipe(
    Layer.provide([
      Layer.succeed(FileSystem.FileSystem, fileSystem),
      Layer.succeed(InodeChanges, inodeChanges)
    ])
  )
  const program = layerPlain({
    listen: { host: "127.0.0.1", port: 0 },
    platform: Platform.make("linux/amd64"),
    gracePeriod: Duration.seconds(30),
    server
  }).pipe(
    Layer.provide([
      DigestCache.layer({ directory: disk.directory, cap, maxMemory: memory }),
      CredentialStore.layerFeeds([feed.feed]),
      Layer.fresh(RegistryClient.layer).pipe(Layer.provide(Layer.succeed(Upstream, upstream)))
    ]),
    Layer.provideMerge(files),
    Layer.provide(Layer.succeed(Path.Path, yield* Path.Path))
  )
  const context = yield* Layer.buildWithScope(program, scope)
  if (options.synced) yield* feed.send(eventOf("right"))
  return {
    faults: Context.get(context, FileFaults),
    login: (login: Login) => feed.send(eventOf(login)),
    connect: (): MemorySocket => {
      const [client, socket] = MemorySocket.pair(socketBuffer, activity.moved)
      server.emit("connection", socket)
      return client
    },
    /** Stops registry-packages-proxy as SIGTERM would. */
    stop: Scope.close(scope, Exit.void),
    /**
     * Ends registry-packages-proxy as SIGKILL would. From now on, all its file operations fail, and all its connections
     * are closed.
     */
    crash: Effect.suspend(() => {
      dead = true
      server.closeAllConnections()
      return Scope.close(scope, Exit.void)
    })
  }
})

export type Run = Effect.Success<ReturnType<typeof begin>>

/**
 * Makes a test registry and a disk, and starts registry-packages-proxy. The registry and the disk outlive restarts of
 * registry-packages-proxy.
 */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* Effect.orDie(
    fs.makeTempDirectoryScoped(
      (yield* fs.exists("/dev/shm").pipe(Effect.orDie)) ? { directory: "/dev/shm" } : {}
    )
  )
  const activity = new Activity()
  const disk = new Disk(`${directory}/cache`, cap)
  const { registry, upstream } = yield* TestRegistry.makeWithoutNetwork({ onStep: activity.moved })
  for (const { image } of packages) yield* registry.put(registryName, image)
  const start = (synced: boolean) => begin({ disk, activity, upstream, synced })
  return {
    activity,
    disk,
    registry,
    start,
    run: yield* start(true),
    /**
     * Stalled responses of the test registry wait for this latch. When the registry's faults are removed, the latch is
     * opened and replaced.
     */
    healed: Latch.makeUnsafe(false),
    /**
     * The latches on which clients wait after they stop reading. If the client's `ReadBehaviour` is `Stall`, the
     * client waits for `resume`. The step `Resume` opens and replaces this latch. If the `ReadBehaviour` is `Forget`,
     * the client waits for `over`. This latch is opened after all steps.
     */
    waits: { resume: Latch.makeUnsafe(false), over: Latch.makeUnsafe(false) }
  }
})

export type World = Effect.Success<typeof make>

/**
 * Ends the run of registry-packages-proxy, then starts a new run in the same cache directory. If the old run has not
 * ended after 2 minutes of virtual time, returns false and starts nothing. If `synced`, the new run has its credentials
 * from the start.
 */
export const restart = Effect.fnUntraced(function* (world: World, how: "crash" | "stop", synced: boolean) {
  const ending = yield* Effect.forkChild(how === "crash" ? world.run.crash : world.run.stop)
  const ended = yield* advanceUntilEnd(world.activity, 120_000, ending)
  if (!ended) return false
  world.disk.allowance = 0
  world.run = yield* world.start(synced)
  return true
})

export const services = NodeServices.layer
