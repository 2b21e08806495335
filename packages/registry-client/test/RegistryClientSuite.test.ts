import { anonymous } from "@registry-packages-proxy/domain/Credential"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import {
  suiteImages,
  suite,
  suiteRepositoryName,
  SuiteRepository
} from "@registry-packages-proxy/testkit/registry-client/RegistryClientSuite"
import {
  TestRegistry,
  type TestRegistryOptions
} from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Effect, Layer } from "effect"
import * as NodeUpstream from "../src/NodeUpstream.ts"
import { RegistryClient } from "../src/RegistryClient.ts"

const live = RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer()))

const registry = (options: TestRegistryOptions) =>
  Layer.effect(
    SuiteRepository,
    Effect.gen(function* () {
      const registry = yield* TestRegistry.make(options)
      for (const image of suiteImages) yield* registry.put(suiteRepositoryName, image)
      return SuiteRepository.of({ source: registry.source(), name: suiteRepositoryName })
    })
  )

const account = { username: "user", password: "s3cret" }

suite("HTTP", Layer.merge(live, registry({})))
suite("HTTP, basic authentication", Layer.merge(live, registry({ auth: { _tag: "Basic", ...account } })))
suite(
  "HTTPS, own CA, bearer tokens, redirects to a blob store",
  Layer.merge(
    live,
    Layer.unwrap(
      Effect.gen(function* () {
        const authority = yield* Certificates.makeAuthority
        const tls = yield* authority.issue()
        return registry({
          tls,
          auth: { _tag: "Bearer", ...account },
          redirect: { _tag: "Store", singleUse: true }
        })
      })
    )
  )
)
suite(
  "mock",
  Layer.merge(
    RegistryClientMock.layer(suiteImages),
    Layer.succeed(SuiteRepository, {
      source: {
        scheme: "https",
        host: RegistryHost.make("registry.example.com"),
        repositoryPrefix: PathComponents.make(""),
        credential: anonymous,
        ca: undefined,
        sourceObject: "test"
      },
      name: suiteRepositoryName
    })
  )
)
