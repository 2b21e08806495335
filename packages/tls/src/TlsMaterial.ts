import {
  Clock,
  Context,
  Duration,
  Effect,
  FileSystem,
  Layer,
  Metric,
  Option,
  Result,
  Schema,
  type Stream,
  SubscriptionRef
} from "effect"
import * as FileContent from "./internal/FileContent.ts"
import * as KeyPair from "./KeyPair.ts"
import * as Metrics from "./Metrics.ts"
import * as SelfSigned from "./SelfSigned.ts"

/** The certificates and the private key that a TLS listener uses. */
export interface ListenerMaterial {
  readonly serving: KeyPair.KeyPair
  /** The authorities of client certificates, as PEM. If none, the listener does not request client certificates. */
  readonly clientAuthorities: Option.Option<string>
}

/** The sources of the TLS material. The serving certificate is read from files, or is self-signed for `names`. */
export interface MaterialSources {
  readonly serving:
    | { readonly _tag: "Files"; readonly certificate: string; readonly privateKey: string }
    | { readonly _tag: "SelfSigned"; readonly names: ReadonlyArray<string> }
  /**
   * The path of a PEM file with the authorities of client certificates. If none, the listener does not request client
   * certificates.
   */
  readonly clientAuthorities: Option.Option<string>
}

const descriptions = { serving: "the serving certificate", "client-ca": "the client CA" } as const

/** The files with the serving certificate or with the client CAs are missing or invalid at start. */
export class TlsMaterialError extends Schema.TaggedError<TlsMaterialError>()("TlsMaterialError", {
  certificate: Schema.Literals(["serving", "client-ca"]),
  detail: Schema.String
}) {
  override get message(): string {
    return `${descriptions[this.certificate]} cannot be used: ${this.detail}`
  }
}

/** Provides the newest valid TLS material. */
export class TlsMaterial extends Context.Service<
  TlsMaterial,
  {
    readonly get: Effect.Effect<ListenerMaterial>
    /** Emits the current material, then each new material. */
    readonly changes: Stream.Stream<ListenerMaterial>
  }
>()("@registry-packages-proxy/tls/TlsMaterial") {
  /**
   * Reads the files every second and compares their content. This detects rewrites, renames and symlink swaps. A change
   * takes effect when two readings in a row are equal. If the changed files are invalid, logs a warning and keeps the
   * previous material. Fails if the files are invalid at start. If `sources.serving` is `SelfSigned`, makes the
   * serving certificate once, at start.
   */
  static readonly layer = (
    sources: MaterialSources
  ): Layer.Layer<TlsMaterial, TlsMaterialError, FileSystem.FileSystem> =>
    Layer.effect(TlsMaterial, make(sources))
}

const readInterval = Duration.seconds(1)

/** The files of the serving certificate or of the client CAs, and the functions to parse them. */
interface Kind<A> {
  readonly certificate: TlsMaterialError["certificate"]
  readonly files: ReadonlyArray<string>
  readonly parse: (...texts: ReadonlyArray<string>) => Result.Result<A, string>
  readonly expiryOf: (material: A) => number
}

const servingIn = (certificate: string, privateKey: string): Kind<KeyPair.KeyPair> => ({
  certificate: "serving",
  files: [certificate, privateKey],
  parse: (certificates = "", key = "") => KeyPair.parse(certificates, key),
  expiryOf: ({ certificates }) => KeyPair.earliestExpiry(certificates)
})

const authoritiesIn = (file: string): Kind<string> => ({
  certificate: "client-ca",
  files: [file],
  parse: (text = "") =>
    KeyPair.parseCertificates(text).length === 0
      ? Result.fail("the file holds no valid PEM certificates")
      : Result.succeed(text),
  expiryOf: KeyPair.earliestExpiry
})

const reportExpiry = Effect.fnUntraced(function* <A>(kind: Kind<A>, material: A) {
  const expiry = kind.expiryOf(material)
  yield* Metric.update(Metrics.certificateExpiry(kind.certificate), expiry / 1000)
  if (expiry <= (yield* Clock.currentTimeMillis)) {
    yield* Effect.logWarning("TLS certificate has expired", {
      certificate: kind.certificate,
      expired: new Date(expiry).toISOString()
    })
  }
})

const readAtStart = Effect.fnUntraced(function* <A>(
  kind: Kind<A>,
  read: Effect.Effect<FileContent.FileReading>
) {
  const reading = yield* read
  const parsed = Result.flatMap(reading.texts, (texts) => kind.parse(...texts))
  if (Result.isFailure(parsed)) {
    return yield* new TlsMaterialError({ certificate: kind.certificate, detail: parsed.failure })
  }
  yield* reportExpiry(kind, parsed.success)
  return { material: parsed.success, hash: reading.contentHash }
})

/**
 * Reads the files every second, forever, and passes each valid change to `use`. `hash` is the hash of the material that
 * was read at start.
 */
const follow = Effect.fnUntraced(function* <A>(
  kind: Kind<A>,
  read: Effect.Effect<FileContent.FileReading>,
  hash: string,
  use: (material: A) => Effect.Effect<void>
) {
  let processed = hash
  let previous = hash
  while (true) {
    yield* Effect.sleep(readInterval)
    const reading = yield* read
    const isSettled = reading.contentHash === previous
    previous = reading.contentHash
    if (!isSettled || reading.contentHash === processed) continue
    processed = reading.contentHash
    const parsed = Result.flatMap(reading.texts, (texts) => kind.parse(...texts))
    if (Result.isSuccess(parsed)) {
      yield* use(parsed.success)
      yield* reportExpiry(kind, parsed.success)
      yield* Effect.logInfo("TLS certificate reloaded", { certificate: kind.certificate })
    } else {
      yield* Effect.logWarning("changed TLS certificate is invalid; keeping the previous one", {
        certificate: kind.certificate,
        reason: parsed.failure
      })
    }
    yield* Metric.update(Metrics.certificateBroken(kind.certificate), Result.isSuccess(parsed) ? 0 : 1)
  }
})

const make = Effect.fnUntraced(function* (sources: MaterialSources) {
  const fs = yield* FileSystem.FileSystem
  const reader = (files: ReadonlyArray<string>) => FileContent.read(fs, files)

  const { serving } = sources
  const servingKind =
    serving._tag === "Files" ? servingIn(serving.certificate, serving.privateKey) : undefined
  const authoritiesKind = Option.getOrUndefined(Option.map(sources.clientAuthorities, authoritiesIn))

  const servingNow =
    servingKind === undefined ? undefined : yield* readAtStart(servingKind, reader(servingKind.files))
  const authoritiesNow =
    authoritiesKind === undefined
      ? undefined
      : yield* readAtStart(authoritiesKind, reader(authoritiesKind.files))
  const ref = yield* SubscriptionRef.make<ListenerMaterial>({
    serving:
      servingNow?.material ??
      SelfSigned.make(serving._tag === "SelfSigned" ? serving.names : [], yield* Clock.currentTimeMillis),
    clientAuthorities: Option.fromUndefinedOr(authoritiesNow?.material)
  })

  if (servingKind === undefined) {
    const { certificates } = (yield* SubscriptionRef.get(ref)).serving
    yield* Metric.update(Metrics.certificateExpiry("serving"), KeyPair.earliestExpiry(certificates) / 1000)
    yield* Effect.logInfo("serving with a new self-signed certificate")
  } else if (servingNow !== undefined) {
    yield* Effect.forkScoped(
      follow(servingKind, reader(servingKind.files), servingNow.hash, (serving) =>
        SubscriptionRef.update(ref, (material) => ({ ...material, serving }))
      )
    )
  }
  if (authoritiesKind !== undefined && authoritiesNow !== undefined) {
    yield* Effect.forkScoped(
      follow(authoritiesKind, reader(authoritiesKind.files), authoritiesNow.hash, (authorities) =>
        SubscriptionRef.update(ref, (material) => ({
          ...material,
          clientAuthorities: Option.some(authorities)
        }))
      )
    )
  }
  return TlsMaterial.of({ get: SubscriptionRef.get(ref), changes: SubscriptionRef.changes(ref) })
})
