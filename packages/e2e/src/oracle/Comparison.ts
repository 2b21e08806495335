import {
  kubernetesList,
  moduleSource
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem, Path, Stream } from "effect"
import { HttpClient } from "effect/http"
import { createHash } from "node:crypto"
import * as ProxyProcess from "../program/ProxyProcess.ts"
import type { Difference } from "./DifferenceTable.ts"
import { dockerConfigPrefix } from "./situations/DockerConfigs.ts"
import { base64, type Situation, type World } from "./world/Situation.ts"
import * as Oracle from "./world/Oracle.ts"

/** The result of one client in a situation. */
export interface Outcome {
  /** True if the client received the package unchanged. */
  readonly isServed: boolean
  /** Number of requests to all registries. */
  readonly requests: number
  /** The client's own error message; empty if there was no error. */
  readonly error: string
}

/** The results of all clients in one situation. */
export interface Outcomes {
  /** The result of this program. */
  readonly ours: Outcome
  /** The result of go-containerregistry. */
  readonly theirs: Outcome
  /** Only for situations about docker configs. `isServed` is true if the kubelet tries the correct login. */
  readonly kubelet: Outcome | undefined
}

interface Prepared {
  readonly situation: Situation
  readonly world: World
}

const prepared = (situations: ReadonlyArray<Situation>) =>
  Effect.forEach(situations, (situation) =>
    Effect.map(situation.world, (world): Prepared => ({ situation, world }))
  )

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const outcome = ({ world }: Prepared, got: string | undefined, error: string) =>
  Effect.map(world.requests, (requests): Outcome => ({
    isServed: got === sha256(world.content),
    requests,
    error
  }))

const theirs = Effect.fnUntraced(function* (all: ReadonlyArray<Prepared>) {
  const answers = yield* Oracle.ask(
    all.map(({ situation: { platform }, world }) => {
      const { ca, digest, dockerConfig, environment, repo, scheme } = world
      return { pull: { repository: repo, digest, scheme, platform, ca, dockerConfig, environment } }
    })
  )
  return yield* Effect.forEach(all, (one, index) => {
    const answer = answers[index]
    return outcome(one, answer?.sha256, answer?.error ?? "")
  })
})

const download = (url: string) =>
  Effect.gen(function* () {
    const response = yield* HttpClient.get(url)
    if (response.status !== 200)
      return { got: undefined, error: `${response.status} ${yield* response.text}` }
    const hash = createHash("sha256")
    yield* Stream.runForEach(response.stream, (chunk) => Effect.sync(() => void hash.update(chunk)))
    return { got: hash.digest("hex"), error: "" }
  }).pipe(
    Effect.catch((error) => Effect.succeed({ got: undefined, error: `body aborted: ${error.message}` }))
  )

const objectOf = ({ world }: Prepared, index: number) =>
  moduleSource({
    name: `situation-${index}`,
    repo: world.repo,
    scheme: world.scheme.toUpperCase(),
    ...(world.dockerConfig === undefined ? {} : { dockerCfg: base64(world.dockerConfig) }),
    ...(world.ca === undefined ? {} : { ca: world.ca })
  })

/** Pulls the packages of several situations with one process. All have the same platform and environment variables. */
const ourGroup = Effect.fnUntraced(function* (group: ReadonlyArray<Prepared>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-situations-" })
  const credentialsFile = path.join(directory, "credentials.json")
  yield* fs.writeFileString(credentialsFile, JSON.stringify(kubernetesList(group.map(objectOf))), {
    mode: 0o600
  })
  const { environment = {} } = group[0]?.world ?? {}
  const proxy = yield* ProxyProcess.start({
    credentialsFile,
    // The cache is disabled, because situations share digests, but each must be pulled from its own registry.
    args: [`--platform=${group[0]?.situation.platform}`, "--disable-cache"],
    env: environment
  })
  return yield* Effect.forEach(
    group,
    (one) =>
      Effect.flatMap(
        download(proxy.packageUrl(one.world.digest, { repository: one.world.repo })),
        ({ got, error }) => outcome(one, got, error)
      ),
    { concurrency: 16 }
  )
}, Effect.scoped)

const ours = Effect.fnUntraced(function* (all: ReadonlyArray<Prepared>) {
  const groups = Map.groupBy(all, ({ situation, world }) =>
    JSON.stringify([situation.platform, world.environment ?? {}])
  )
  const done = yield* Effect.forEach(
    groups.values(),
    (group) =>
      Effect.map(ourGroup(group), (outcomes) => group.map((one, index) => [one, outcomes[index]] as const)),
    { concurrency: 2 }
  )
  return new Map(done.flat())
})

// The kubelet tries all credentials that it finds, so the pull succeeds if the correct login is among them.
const kubelets = Effect.fnUntraced(function* (all: ReadonlyArray<Prepared>) {
  const about = all.flatMap(({ situation: { name }, world: { dockerConfig, login, repo } }) =>
    dockerConfig === undefined || login === undefined || !name.startsWith(dockerConfigPrefix)
      ? []
      : [{ name, dockerConfig, login, image: repo }]
  )
  const answers = yield* Oracle.ask(
    about.map(({ dockerConfig, image }) => ({ credentials: { dockerConfig, image } }))
  )
  return new Map(
    about.map(({ login, name }, index): [string, Outcome] => {
      const { credentials = [], error = "" } = answers[index] ?? {}
      const isServed = credentials.some(
        ({ password, username }) => username === login.username && password === login.password
      )
      return [name, { isServed, requests: 0, error }]
    })
  )
})

/** Runs each situation with this program and with the other clients. Returns the results by situation name. */
export const compare = Effect.fnUntraced(function* (situations: ReadonlyArray<Situation>) {
  const forThem = yield* prepared(situations)
  const theirOutcomes = yield* theirs(forThem)
  const kubeletOutcomes = yield* kubelets(forThem)
  const forUs = yield* prepared(situations)
  const ourOutcomes = yield* ours(forUs)
  return new Map(
    forUs.flatMap((one, index): ReadonlyArray<[string, Outcomes]> => {
      const { name } = one.situation
      const [our, their] = [ourOutcomes.get(one), theirOutcomes[index]]
      return our === undefined || their === undefined
        ? []
        : [[name, { ours: our, theirs: their, kubelet: kubeletOutcomes.get(name) }]]
    })
  )
}, Effect.scoped)

const word = ({ isServed }: Outcome): string => (isServed ? "served" : "refused")

/**
 * Returns the difference for docs/registries.md, if only one of the two clients received the package, or if this
 * program sent more requests. Otherwise returns undefined.
 */
export const differenceOf = (ours: Outcome, theirs: Outcome): Difference | undefined => {
  if (ours.isServed !== theirs.isServed) return { ours: word(ours), theirs: word(theirs) }
  const more = ours.requests - theirs.requests
  if (more <= 0) return undefined
  return { ours: `${word(ours)}, ${more} more ${more === 1 ? "request" : "requests"}`, theirs: word(theirs) }
}

/** Like `differenceOf`, but ignores the number of requests, because the kubelet sends none in these tests. */
export const differenceOfCredentials = (ours: Outcome, kubelet: Outcome): Difference | undefined =>
  differenceOf({ ...ours, requests: 0 }, kubelet)
