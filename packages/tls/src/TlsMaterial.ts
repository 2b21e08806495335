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

/** What a secure listener serves with, and whom it believes. */
export interface Material {
  readonly serving: KeyPair.KeyPair
  /** The authorities of client certificates, as PEM; none: client certificates are not asked for. */
  readonly clientAuthorities: Option.Option<string>
}

/** Where the material is kept. */
export interface Sources {
  /** Without files a certificate is made. */
  readonly serving:
    | { readonly _tag: "Files"; readonly certificate: string; readonly privateKey: string }
    | { readonly _tag: "SelfSigned"; readonly names: ReadonlyArray<string> }
  readonly clientAuthorities: Option.Option<string>
}

/** The material that was there at the start cannot be used; `source` is which. */
export class TlsMaterialError extends Schema.TaggedError<TlsMaterialError>()("TlsMaterialError", {
  source: Schema.Literals(["serving", "client-ca"]),
  detail: Schema.String
}) {}

/** The TLS material, always the newest good one. */
export class TlsMaterial extends Context.Service<
  TlsMaterial,
  {
    readonly get: Effect.Effect<Material>
    /** The material now, then each time it changed. */
    readonly changes: Stream.Stream<Material>
  }
>()("@registry-packages-proxy/tls/TlsMaterial") {
  /**
   * Material from files, which are looked at every second and compared by content, so that a rewrite, a rename and a
   * symlink swap are one thing; a change is in effect once two looks agree. What cannot be used is logged and what was
   * there before stays; at the start, where there is nothing before, it fails.
   */
  static readonly layer = (
    sources: Sources
  ): Layer.Layer<TlsMaterial, TlsMaterialError, FileSystem.FileSystem> =>
    Layer.effect(TlsMaterial, make(sources))
}

const every = Duration.seconds(1)

/** One kind of material in files: what they are, and what is wrong with them. */
interface Kind<A> {
  readonly source: TlsMaterialError["source"]
  readonly files: ReadonlyArray<string>
  readonly parse: (...texts: ReadonlyArray<string>) => Result.Result<A, string>
  readonly endOf: (material: A) => number
}

const servingIn = (certificate: string, privateKey: string): Kind<KeyPair.KeyPair> => ({
  source: "serving",
  files: [certificate, privateKey],
  parse: (certificates = "", key = "") => KeyPair.parse(certificates, key),
  endOf: ({ certificates }) => KeyPair.endOf(certificates)
})

const authoritiesIn = (file: string): Kind<string> => ({
  source: "client-ca",
  files: [file],
  parse: (text = "") =>
    KeyPair.certificatesOf(text).length === 0
      ? Result.fail("it holds no certificates that can be read (PEM)")
      : Result.succeed(text),
  endOf: KeyPair.endOf
})

const words = { serving: "the serving certificate", "client-ca": "the client CA" } as const

const told = Effect.fnUntraced(function* <A>(kind: Kind<A>, material: A) {
  const end = kind.endOf(material)
  yield* Metric.update(Metrics.certificateExpiry(kind.source), end / 1000)
  if (end <= (yield* Clock.currentTimeMillis)) {
    yield* Effect.logWarning(`${words[kind.source]} has expired, on ${new Date(end).toISOString()}`)
  }
})

const begin = Effect.fnUntraced(function* <A>(kind: Kind<A>, read: Effect.Effect<FileContent.Reading>) {
  const reading = yield* read
  const parsed = Result.flatMap(reading.texts, (texts) => kind.parse(...texts))
  if (Result.isFailure(parsed)) {
    return yield* new TlsMaterialError({ source: kind.source, detail: parsed.failure })
  }
  yield* told(kind, parsed.success)
  return { material: parsed.success, print: reading.print }
})

/** Looks for ever, and gives each change to `use`. */
const follow = Effect.fnUntraced(function* <A>(
  kind: Kind<A>,
  read: Effect.Effect<FileContent.Reading>,
  print: string,
  use: (material: A) => Effect.Effect<void>
) {
  let known = print
  let before = print
  while (true) {
    yield* Effect.sleep(every)
    const reading = yield* read
    const isSettled = reading.print === before
    before = reading.print
    if (!isSettled || reading.print === known) continue
    known = reading.print
    const parsed = Result.flatMap(reading.texts, (texts) => kind.parse(...texts))
    if (Result.isSuccess(parsed)) {
      yield* use(parsed.success)
      yield* told(kind, parsed.success)
      yield* Effect.logInfo(`${words[kind.source]} was read again`)
    } else {
      yield* Effect.logWarning(
        `${words[kind.source]} changed to what cannot be used, and stays as it was: ${parsed.failure}`
      )
    }
    yield* Metric.update(Metrics.certificateBroken(kind.source), Result.isSuccess(parsed) ? 0 : 1)
  }
})

const make = Effect.fnUntraced(function* (sources: Sources) {
  const fs = yield* FileSystem.FileSystem
  const reader = (files: ReadonlyArray<string>) => FileContent.read(fs, files)

  const { serving } = sources
  const servingKind =
    serving._tag === "Files" ? servingIn(serving.certificate, serving.privateKey) : undefined
  const authoritiesKind = Option.getOrUndefined(Option.map(sources.clientAuthorities, authoritiesIn))

  const servingNow =
    servingKind === undefined ? undefined : yield* begin(servingKind, reader(servingKind.files))
  const authoritiesNow =
    authoritiesKind === undefined ? undefined : yield* begin(authoritiesKind, reader(authoritiesKind.files))
  const ref = yield* SubscriptionRef.make<Material>({
    serving:
      servingNow?.material ??
      SelfSigned.make(serving._tag === "SelfSigned" ? serving.names : [], yield* Clock.currentTimeMillis),
    clientAuthorities: Option.fromUndefinedOr(authoritiesNow?.material)
  })

  if (servingKind === undefined) {
    const { certificates } = (yield* SubscriptionRef.get(ref)).serving
    yield* Metric.update(Metrics.certificateExpiry("serving"), KeyPair.endOf(certificates) / 1000)
    yield* Effect.logInfo("serving with a self-signed certificate made for this run")
  } else if (servingNow !== undefined) {
    yield* Effect.forkScoped(
      follow(servingKind, reader(servingKind.files), servingNow.print, (serving) =>
        SubscriptionRef.update(ref, (material) => ({ ...material, serving }))
      )
    )
  }
  if (authoritiesKind !== undefined && authoritiesNow !== undefined) {
    yield* Effect.forkScoped(
      follow(authoritiesKind, reader(authoritiesKind.files), authoritiesNow.print, (authorities) =>
        SubscriptionRef.update(ref, (material) => ({
          ...material,
          clientAuthorities: Option.some(authorities)
        }))
      )
    )
  }
  return TlsMaterial.of({ get: SubscriptionRef.get(ref), changes: SubscriptionRef.changes(ref) })
})
