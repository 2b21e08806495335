import { list, moduleSource } from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem, Path, Stream } from "effect"
import { HttpClient } from "effect/http"
import { createHash } from "node:crypto"
import * as Bundle from "../program/Bundle.ts"
import type { Difference } from "./DifferenceTable.ts"
import { dockerConfigPrefix } from "./situations/DockerConfigs.ts"
import { base64, type Situation, type World } from "./world/Situation.ts"
import * as Oracle from "./world/Oracle.ts"

/** A client's result in a situation. */
export interface Outcome {
  /** It got the package, byte by byte. */
  readonly isServed: boolean
  readonly requests: number
  /** An error in its own words. */
  readonly said: string
}

/** The results of all clients in one situation. */
export interface Outcomes {
  readonly ours: Outcome
  readonly theirs: Outcome
  /** The kubelet's, with the docker config, where the situation is about one. */
  readonly kubelet: Outcome | undefined
}

interface Placed {
  readonly situation: Situation
  readonly world: World
}

const placed = (situations: ReadonlyArray<Situation>) =>
  Effect.forEach(situations, (situation) =>
    Effect.map(situation.world, (world): Placed => ({ situation, world }))
  )

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const outcome = ({ world }: Placed, got: string | undefined, said: string) =>
  Effect.map(world.requests, (requests): Outcome => ({
    isServed: got === sha256(world.content),
    requests,
    said
  }))

const theirs = Effect.fnUntraced(function* (all: ReadonlyArray<Placed>) {
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
    if (response.status !== 200) return { got: undefined, said: `${response.status} ${yield* response.text}` }
    const hash = createHash("sha256")
    yield* Stream.runForEach(response.stream, (chunk) => Effect.sync(() => void hash.update(chunk)))
    return { got: hash.digest("hex"), said: "" }
  }).pipe(Effect.catch((error) => Effect.succeed({ got: undefined, said: `broken off: ${error.message}` })))

const objectOf = ({ world }: Placed, index: number) =>
  moduleSource({
    name: `situation-${index}`,
    repo: world.repo,
    scheme: world.scheme.toUpperCase(),
    ...(world.dockerConfig === undefined ? {} : { dockerCfg: base64(world.dockerConfig) }),
    ...(world.ca === undefined ? {} : { ca: world.ca })
  })

/** Pulls what one run of the bundle can: the same platform, the same variables. */
const ourGroup = Effect.fnUntraced(function* (group: ReadonlyArray<Placed>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-situations-" })
  const credentialsFile = path.join(directory, "credentials.json")
  yield* fs.writeFileString(credentialsFile, JSON.stringify(list(group.map(objectOf))), { mode: 0o600 })
  const { environment = {} } = group[0]?.world ?? {}
  const bundle = yield* Bundle.start({
    credentialsFile,
    // Situations ask for one digest, whose package each is to get from its own registry.
    args: [`--platform=${group[0]?.situation.platform}`, "--disable-cache"],
    env: environment
  })
  return yield* Effect.forEach(
    group,
    (one) =>
      Effect.flatMap(
        download(bundle.url(one.world.digest, { repository: one.world.repo })),
        ({ got, said }) => outcome(one, got, said)
      ),
    { concurrency: 16 }
  )
}, Effect.scoped)

const ours = Effect.fnUntraced(function* (all: ReadonlyArray<Placed>) {
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

// The kubelet tries all that it finds: it gets the package with the right login among them.
const kubelets = Effect.fnUntraced(function* (all: ReadonlyArray<Placed>) {
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
      const { credentials = [], error: said = "" } = answers[index] ?? {}
      const isServed = credentials.some(
        ({ password, username }) => username === login.username && password === login.password
      )
      return [name, { isServed, requests: 0, said }]
    })
  )
})

/** Plays each situation to go-containerregistry and to the bundle, by its name. */
export const compare = Effect.fnUntraced(function* (situations: ReadonlyArray<Situation>) {
  const forThem = yield* placed(situations)
  const theirOutcomes = yield* theirs(forThem)
  const kubeletOutcomes = yield* kubelets(forThem)
  const forUs = yield* placed(situations)
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

/** The difference as docs/registries.md has it: another outcome, or that we ask more often. Undefined for no difference. */
export const differenceOf = (ours: Outcome, theirs: Outcome): Difference | undefined => {
  if (ours.isServed !== theirs.isServed) return { ours: word(ours), theirs: word(theirs) }
  const more = ours.requests - theirs.requests
  if (more <= 0) return undefined
  return { ours: `${word(ours)}, ${more} more ${more === 1 ? "request" : "requests"}`, theirs: word(theirs) }
}

/** The difference in outcome between our credentials and the kubelet's. */
export const differenceOfCredentials = (ours: Outcome, kubelet: Outcome): Difference | undefined =>
  differenceOf({ ...ours, requests: 0 }, kubelet)
