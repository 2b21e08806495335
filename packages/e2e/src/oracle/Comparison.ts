import {
  kubernetesList,
  moduleSource
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem, Path, Stream } from "effect"
import { HttpClient } from "effect/http"
import { createHash } from "node:crypto"
import * as ProxyProcess from "../program/ProxyProcess.ts"
import type { Difference } from "./DifferenceTable.ts"
import { dockerConfigPrefix } from "./scenarios/DockerConfigs.ts"
import { encodeBase64, type Scenario, type PullFixture } from "./harness/Scenario.ts"
import * as Oracle from "./harness/Oracle.ts"

/** The result of one client's pull in a scenario. */
export interface PullOutcome {
  /** True if the client received the package unchanged. */
  readonly isServed: boolean
  /** Number of requests that the registries of the scenario received from the client. */
  readonly requestCount: number
  /** Error message of the client. Empty if there was no error. */
  readonly error: string
}

/** The results of all clients in one scenario. */
export interface ScenarioOutcomes {
  /** The result of registry-packages-proxy. */
  readonly program: PullOutcome
  /** The result of go-containerregistry. */
  readonly goContainerRegistry: PullOutcome
  /**
   * The result of the kubelet, which does not pull but only selects credentials from the docker config. `isServed` is
   * true if the selection contains the credentials that the registry accepts. Undefined for scenarios that are not
   * about docker configs.
   */
  readonly kubelet: PullOutcome | undefined
}

interface Prepared {
  readonly scenario: Scenario
  readonly fixture: PullFixture
}

const prepared = (scenarios: ReadonlyArray<Scenario>) =>
  Effect.forEach(scenarios, (scenario) =>
    Effect.map(scenario.fixture, (fixture): Prepared => ({ scenario, fixture }))
  )

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const outcome = ({ fixture }: Prepared, got: string | undefined, error: string) =>
  Effect.map(fixture.requestCount, (requestCount): PullOutcome => ({
    isServed: got === sha256(fixture.content),
    requestCount,
    error
  }))

const outcomesOfGoContainerRegistry = Effect.fnUntraced(function* (all: ReadonlyArray<Prepared>) {
  const answers = yield* Oracle.ask(
    all.map(({ scenario: { platform }, fixture }) => {
      const { trustedCa: ca, digest, dockerConfig, clientEnvironment: environment, repo, scheme } = fixture
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

const objectOf = ({ fixture }: Prepared, index: number) =>
  moduleSource({
    name: `scenario-${index}`,
    repo: fixture.repo,
    scheme: fixture.scheme.toUpperCase(),
    ...(fixture.dockerConfig === undefined ? {} : { dockerCfg: encodeBase64(fixture.dockerConfig) }),
    ...(fixture.trustedCa === undefined ? {} : { ca: fixture.trustedCa })
  })

/**
 * Pulls the packages of several scenarios through one registry-packages-proxy process. All scenarios must have the same
 * platform and environment variables. Returns the results in the order of the scenarios.
 */
const pullGroup = Effect.fnUntraced(function* (group: ReadonlyArray<Prepared>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-scenarios-" })
  const credentialsFile = path.join(directory, "credentials.json")
  yield* fs.writeFileString(credentialsFile, JSON.stringify(kubernetesList(group.map(objectOf))), {
    mode: 0o600
  })
  const { clientEnvironment: environment = {} } = group[0]?.fixture ?? {}
  const proxy = yield* ProxyProcess.start({
    credentialsFile,
    // The cache is disabled, because scenarios share digests, but each must be pulled from its own registry.
    args: [`--platform=${group[0]?.scenario.platform}`, "--disable-cache"],
    env: environment
  })
  return yield* Effect.forEach(
    group,
    (one) =>
      Effect.flatMap(
        download(proxy.packageUrl(one.fixture.digest, { repository: one.fixture.repo })),
        ({ got, error }) => outcome(one, got, error)
      ),
    { concurrency: 16 }
  )
}, Effect.scoped)

const outcomesOfProgram = Effect.fnUntraced(function* (all: ReadonlyArray<Prepared>) {
  const groups = Map.groupBy(all, ({ scenario, fixture }) =>
    JSON.stringify([scenario.platform, fixture.clientEnvironment ?? {}])
  )
  const done = yield* Effect.forEach(
    groups.values(),
    (group) =>
      Effect.map(pullGroup(group), (outcomes) => group.map((one, index) => [one, outcomes[index]] as const)),
    { concurrency: 2 }
  )
  return new Map(done.flat())
})

// The kubelet tries all credentials that it finds, so the pull succeeds if the correct login is among them.
const outcomesOfKubelet = Effect.fnUntraced(function* (all: ReadonlyArray<Prepared>) {
  const about = all.flatMap(({ scenario: { name }, fixture: { dockerConfig, acceptedCredentials, repo } }) =>
    dockerConfig === undefined || acceptedCredentials === undefined || !name.startsWith(dockerConfigPrefix)
      ? []
      : [{ name, dockerConfig, acceptedCredentials, image: repo }]
  )
  const answers = yield* Oracle.ask(
    about.map(({ dockerConfig, image }) => ({ credentials: { dockerConfig, image } }))
  )
  return new Map(
    about.map(({ acceptedCredentials, name }, index): [string, PullOutcome] => {
      const { credentials = [], error = "" } = answers[index] ?? {}
      const isServed = credentials.some(
        ({ password, username }) =>
          username === acceptedCredentials.username && password === acceptedCredentials.password
      )
      return [name, { isServed, requestCount: 0, error }]
    })
  )
})

/** Runs each scenario with registry-packages-proxy and with the other clients. Returns the results by scenario name. */
export const compare = Effect.fnUntraced(function* (scenarios: ReadonlyArray<Scenario>) {
  const preparedForOthers = yield* prepared(scenarios)
  const otherOutcomes = yield* outcomesOfGoContainerRegistry(preparedForOthers)
  const kubeletOutcomes = yield* outcomesOfKubelet(preparedForOthers)
  const preparedForProgram = yield* prepared(scenarios)
  const programOutcomes = yield* outcomesOfProgram(preparedForProgram)
  return new Map(
    preparedForProgram.flatMap((one, index): ReadonlyArray<[string, ScenarioOutcomes]> => {
      const { name } = one.scenario
      const [our, their] = [programOutcomes.get(one), otherOutcomes[index]]
      return our === undefined || their === undefined
        ? []
        : [[name, { program: our, goContainerRegistry: their, kubelet: kubeletOutcomes.get(name) }]]
    })
  )
}, Effect.scoped)

const word = ({ isServed }: PullOutcome): string => (isServed ? "served" : "refused")

/**
 * Returns the difference that docs/registries.md must explain. There is a difference if only one client received the
 * package, or if registry-packages-proxy sent more requests. Otherwise returns undefined.
 */
export const differenceOf = (program: PullOutcome, otherClient: PullOutcome): Difference | undefined => {
  if (program.isServed !== otherClient.isServed)
    return { program: word(program), otherClient: word(otherClient) }
  const more = program.requestCount - otherClient.requestCount
  if (more <= 0) return undefined
  return {
    program: `${word(program)}, ${more} more ${more === 1 ? "request" : "requests"}`,
    otherClient: word(otherClient)
  }
}

/** Compares like `differenceOf`, but ignores the number of requests, because the kubelet sends none in these tests. */
export const differenceOfCredentials = (program: PullOutcome, kubelet: PullOutcome): Difference | undefined =>
  differenceOf({ ...program, requestCount: 0 }, kubelet)
