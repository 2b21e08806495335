import * as Challenges from "./Challenges.ts"
import * as CredentialsFiles from "./CredentialsFiles.ts"
import * as DockerConfigs from "./DockerConfigs.ts"
import { suite, testOf } from "./FuzzSuite.ts"
import * as Headers from "./Headers.ts"
import * as Locations from "./Locations.ts"
import * as Manifests from "./Manifests.ts"
import * as Query from "./Query.ts"
import * as UpstreamResponses from "./UpstreamResponses.ts"

suite([
  testOf(Query.target),
  testOf(Headers.target),
  testOf(Manifests.target),
  testOf(DockerConfigs.target),
  testOf(Challenges.target),
  testOf(CredentialsFiles.target),
  testOf(UpstreamResponses.target),
  testOf(Locations.target)
])
