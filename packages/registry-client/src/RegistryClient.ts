import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { PackageDescriptor, PackageLayer } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Context, Effect, Layer, Metric, type Stream } from "effect"
import * as RegistryAuthorization from "./internal/auth/RegistryAuthorization.ts"
import * as Blobs from "./internal/pull/Blobs.ts"
import * as RegistryRequest from "./internal/pull/RegistryRequest.ts"
import * as Manifests from "./internal/pull/Manifests.ts"
import type { PullFailure } from "./internal/wire/PullFailure.ts"
import * as Tokens from "./internal/auth/Tokens.ts"
import * as Metrics from "./Metrics.ts"
import { RegistryError } from "./RegistryError.ts"
import type { Repository } from "./Repository.ts"
import { Upstream } from "./Upstream.ts"

/** Pulls from upstream registries over the OCI distribution protocol. */
export class RegistryClient extends Context.Service<
  RegistryClient,
  {
    /**
     * Reads the manifest with this digest, and returns the descriptor of its last layer (the package). If the manifest
     * is an index, reads the child manifest for `platform`. Verifies each manifest against its digest. Reads the layer
     * only if neither the manifest nor the registry gives the layer's size.
     */
    readonly resolve: (
      repository: Repository,
      manifestDigest: Digest,
      platform: Platform
    ) => Effect.Effect<PackageDescriptor, RegistryError>
    /**
     * Streams the bytes of a layer, as the registry stores them, from `offset` to the end. `offset` is in bytes. The
     * stream has at most `layer.size - offset` bytes. Resumes after a broken connection. The caller must verify the
     * digest. Releases the connection when the stream ends, fails or is interrupted. The chunks are in arrays of
     * `buffers`, or in new memory if `buffers` is undefined.
     */
    readonly blob: (
      repository: Repository,
      layer: PackageLayer,
      offset: number,
      buffers?: ReadBuffers
    ) => Stream.Stream<Uint8Array, RegistryError>
  }
>()("@registry-packages-proxy/registry-client/RegistryClient") {
  /** Pulls over HTTP, with the connections of {@link Upstream}. */
  static readonly layer: Layer.Layer<RegistryClient, never, Upstream> = Layer.effect(
    RegistryClient,
    Effect.gen(function* () {
      const upstream = yield* Upstream
      const tokens = yield* Tokens.make(upstream)
      const registryAuthorization = yield* RegistryAuthorization.make(upstream, tokens)
      const sendRequest = yield* RegistryRequest.make(upstream, registryAuthorization, tokens)
      const readManifests = yield* Manifests.make(sendRequest)
      const resolve = Effect.fn("registry.resolve")(
        (repository: Repository, manifestDigest: Digest, platform: Platform) =>
          Effect.andThen(
            Effect.annotateCurrentSpan({
              "registry_packages_proxy.registry.host": repository.source.host,
              "registry_packages_proxy.registry.repository": repository.name,
              "registry_packages_proxy.registry.digest": manifestDigest
            }),
            readManifests(repository, manifestDigest, platform)
          ),
        (self, repository) => Effect.catch(self, (failure) => report(repository, failure))
      )
      const blob = Blobs.make(sendRequest, report)
      return RegistryClient.of({ resolve, blob })
    })
  )
}

const report = (repository: Repository, { reason }: PullFailure): Effect.Effect<never, RegistryError> =>
  Effect.andThen(
    Metric.update(Metrics.errors(reason._tag), 1),
    Effect.fail(new RegistryError({ registry: repository.source.host, reason }))
  )
