import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { PackageDescriptor, PackageLayer } from "@registry-packages-proxy/domain/PackageDescriptor"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Context, Effect, Layer, Metric, type Stream } from "effect"
import * as Authenticator from "./internal/auth/Authenticator.ts"
import * as Blobs from "./internal/pull/Blobs.ts"
import * as Exchange from "./internal/pull/Exchange.ts"
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
     * Reads the manifest with this digest, and, where it is an index, the child's for `platform`; answers what the
     * package (the last layer) is. The manifest's bytes are verified against the digest; the blob is not asked for.
     */
    readonly resolve: (
      repository: Repository,
      manifestDigest: Digest,
      platform: Platform
    ) => Effect.Effect<PackageDescriptor, RegistryError>
    /**
     * The stored bytes of a blob from `offset` (in bytes) to its end, resumed where a connection breaks. The
     * connection is released when the stream ends, fails or is interrupted. Bytes are not verified here: a caller that
     * hashes them as they pass decides. The stream never gives more than `layer.size - offset` bytes.
     * `buffers` are used where the bytes come as they are; a chunk that lies in none of them is memory of its own.
     */
    readonly blob: (
      repository: Repository,
      layer: PackageLayer,
      offset: number,
      buffers?: ReadBuffers
    ) => Stream.Stream<Uint8Array, RegistryError>
  }
>()("@registry-packages-proxy/registry-client/RegistryClient") {
  /** Pulls over HTTP. */
  static readonly layer: Layer.Layer<RegistryClient, never, Upstream> = Layer.effect(
    RegistryClient,
    Effect.gen(function* () {
      const upstream = yield* Upstream
      const tokens = yield* Tokens.make(upstream)
      const authenticator = yield* Authenticator.make(upstream, tokens)
      const exchange = yield* Exchange.make(upstream, authenticator, tokens)
      const readManifests = yield* Manifests.make(exchange)
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
      const blob = Blobs.make(exchange, report)
      return RegistryClient.of({ resolve, blob })
    })
  )
}

const report = (repository: Repository, { reason }: PullFailure): Effect.Effect<never, RegistryError> =>
  Effect.andThen(
    Metric.update(Metrics.errors(reason._tag), 1),
    Effect.fail(new RegistryError({ registry: repository.source.host, reason }))
  )
