import { Schema, SchemaGetter } from "effect"

/**
 * The platform of a child in an index. A field is empty if the index does not contain it. `os.version` is omitted,
 * since only Windows images use it. Source: image-spec, image-index.md, `platform`.
 */
export interface DescriptorPlatform {
  readonly os: string
  readonly architecture: string
  readonly variant: string
  /** True if `os.features` is not empty. */
  readonly hasFeatures: boolean
}

// The longest name in Go is mips64p32le. The limit keeps the names of cached files short, since each contains a
// platform and two digests.
const name = "[a-z0-9]{1,12}"
const canonical = new RegExp(`^${name}/${name}(?:/[a-z0-9]{1,12}|/[a-z0-9]{1,7}\\.[a-z0-9]{1,4})?$`)
const written = /^[\w.-]{1,32}\/[\w.-]{1,32}(?:\/[\w.-]{1,32})?$/

/** `os/architecture` or `os/architecture/variant`, with Go's names, such as `linux/amd64` or `linux/arm/v6`. */
export const Platform = Schema.String.check(
  Schema.isPattern(canonical, {
    expected: "os/architecture or os/architecture/variant in lowercase, as linux/amd64"
  })
).pipe(Schema.brand("Platform"))
export type Platform = typeof Platform.Type

type Parts = readonly [os: string, architecture: string, variant: string]

// The default variant of an architecture. Source: containerd/platforms, normalizeArch and Parse.
const defaultVariants: Readonly<Record<string, string>> = { amd64: "v1", arm64: "v8", arm: "v7" }

const normalizeArchitecture = (
  architecture: string,
  variant: string
): readonly [architecture: string, variant: string] => {
  switch (architecture) {
    case "i386":
      return ["386", ""]
    case "x86_64":
    case "x86-64":
      return ["amd64", variant]
    case "aarch64":
      return ["arm64", variant]
    case "armhf":
      return ["arm", "v7"]
    case "armel":
      return ["arm", "v6"]
    default:
      return [architecture, variant]
  }
}

/**
 * Converts a platform to Go's names, and omits the default variant. Accepts upper case, `x86_64`, `aarch64`, `armhf`,
 * `armel`, `i386`, `macos`, and ARM variants without their `v`. Source: containerd/platforms, Normalize.
 */
const normalize = (os: string, architecture: string, variant: string): Parts => {
  const system = os.toLowerCase()
  const [name, named] = normalizeArchitecture(architecture.toLowerCase(), variant.toLowerCase())
  const isArm = name === "arm" || name === "arm64"
  const version = isArm && /^\d/.test(named) ? `v${named}` : named
  const short = name === "arm64" ? version.replace(/^(v\d+)\.0$/, "$1") : version
  return [system === "macos" ? "darwin" : system, name, short === defaultVariants[name] ? "" : short]
}

const format = (parts: Parts): string => parts.filter((part) => part !== "").join("/")

/**
 * A platform as people write it, such as `linux/x86_64` or `Linux/arm64/v8`. Decoding returns a {@link Platform}, such
 * as `linux/amd64` or `linux/arm64`.
 */
export const PlatformText = Schema.String.check(Schema.isPattern(written)).pipe(
  Schema.decodeTo(Platform, {
    decode: SchemaGetter.transform((text: string) => {
      const [os = "", architecture = "", variant = ""] = text.split("/")
      return format(normalize(os, architecture, variant))
    }),
    encode: SchemaGetter.transform((platform: string) => platform)
  })
)

/** Returns the version of a variant as a number, such as 805 for `v8.5`. Undefined if the variant is not a version. */
const versionOf = (architecture: string, variant: string): number | undefined => {
  const match = /^v(\d{1,3})(?:\.(\d{1,2}))?$/.exec(
    variant === "" ? (defaultVariants[architecture] ?? "v0") : variant
  )
  return match === null ? undefined : Number(match[1]) * 100 + Number(match[2] ?? 0)
}

/**
 * The difference in rank between one class of variants and the next (see {@link rank}). Larger than any difference
 * within a class.
 */
const classDistance = 1_000_000

/**
 * Returns the rank of a child for `platform`. A smaller rank is better. Undefined if the child cannot be used.
 *
 * A child with exactly the variant of `platform` is best. Variants that run on `platform` come next, and then the other
 * variants of the architecture. In each of these two groups, the variant nearest to the architecture's default is best.
 * Of two equally near variants, the older one is better. Children with `os.features` come last.
 *
 * A child without an os is for any os. A child whose os or architecture is `unknown` (an attestation) is never used.
 */
export const rank = (platform: Platform, child: DescriptorPlatform): number | undefined => {
  const [wantedOs = "", wantedArchitecture = "", wantedVariant = ""] = platform.split("/")
  const wanted = normalize(wantedOs, wantedArchitecture, wantedVariant)
  const [os, architecture, variant] = normalize(child.os || wantedOs, child.architecture, child.variant)
  if (os !== wanted[0] || architecture !== wanted[1] || os === "unknown" || architecture === "unknown") {
    return undefined
  }
  const features = child.hasFeatures ? 3 * classDistance : 0
  if (variant === wanted[2]) return features
  const version = versionOf(architecture, variant)
  if (version === undefined) return features + 3 * classDistance - 1
  const byDefault = versionOf(architecture, "") ?? 0
  const runs = version <= (versionOf(architecture, wanted[2]) ?? byDefault)
  return (
    features +
    (runs ? 1 : 2) * classDistance +
    2 * Math.abs(version - byDefault) +
    Number(version > byDefault)
  )
}

/** Formats a child's platform for messages. Cuts each field to 32 characters, since the registry chooses the text. */
export const describe = ({ architecture, hasFeatures, os, variant }: DescriptorPlatform): string =>
  format([os.slice(0, 32), architecture.slice(0, 32), variant.slice(0, 32)]) +
  (hasFeatures ? " with os.features" : "")
