import * as Challenges from "./Challenges.ts"
import * as CredentialsFiles from "./CredentialsFiles.ts"
import * as DockerConfigs from "./DockerConfigs.ts"
import { of, suite } from "./FuzzSuite.ts"
import * as Headers from "./Headers.ts"
import * as Locations from "./Locations.ts"
import * as Manifests from "./Manifests.ts"
import * as Query from "./Query.ts"
import * as UpstreamResponses from "./UpstreamResponses.ts"

suite([
  of(Query.target),
  of(Headers.target),
  of(Manifests.target),
  of(DockerConfigs.target),
  of(Challenges.target),
  of(CredentialsFiles.target),
  of(UpstreamResponses.target),
  of(Locations.target)
])
