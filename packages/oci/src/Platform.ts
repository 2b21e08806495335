import { Schema, SchemaGetter } from "effect"

/**
 * What an index says of one child. Source: image-spec, image-index.md, `platform`. What is not said is empty;
 * `os.version` is left out, since only Windows images are told apart by it.
 */
export interface DescriptorPlatform {
  readonly os: string
  readonly architecture: string
  readonly variant: string
  /** `os.features` names something. */
  readonly hasFeatures: boolean
}

// Go has no longer name than mips64p32le; a cached file's name holds a platform beside two digests.
const name = "[a-z0-9]{1,12}"
const canonical = new RegExp(`^${name}/${name}(?:/[a-z0-9]{1,12}|/[a-z0-9]{1,7}\\.[a-z0-9]{1,4})?$`)
const written = /^[\w.-]{1,32}\/[\w.-]{1,32}(?:\/[\w.-]{1,32})?$/

/** `os/architecture` or `os/architecture/variant`, in the names Go uses: `linux/amd64`, `linux/arm/v6`. */
export const Platform = Schema.String.check(
  Schema.isPattern(canonical, {
    expected: "os/architecture or os/architecture/variant in lowercase, as linux/amd64"
  })
).pipe(Schema.brand("Platform"))
export type Platform = typeof Platform.Type

type Parts = readonly [os: string, architecture: string, variant: string]

// The variants that are meant where none is named. Source: containerd/platforms, normalizeArch and Parse.
const plainVariants: Readonly<Record<string, string>> = { amd64: "v1", arm64: "v8", arm: "v7" }

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
 * The names Go uses for a platform however it is written, the plain variant left out. Source: containerd/platforms,
 * Normalize: letters in any case, `x86_64`, `aarch64`, `armhf`, `i386`, `macos`, variants without their `v`.
 */
const normalize = (os: string, architecture: string, variant: string): Parts => {
  const system = os.toLowerCase()
  const [name, named] = normalizeArchitecture(architecture.toLowerCase(), variant.toLowerCase())
  const isArm = name === "arm" || name === "arm64"
  const version = isArm && /^\d/.test(named) ? `v${named}` : named
  const short = name === "arm64" ? version.replace(/^(v\d+)\.0$/, "$1") : version
  return [system === "macos" ? "darwin" : system, name, short === plainVariants[name] ? "" : short]
}

const format = (parts: Parts): string => parts.filter((part) => part !== "").join("/")

/** A platform as people write it, such as `linux/x86_64` or `Linux/arm64/v8`; decodes to the names Go uses. */
export const PlatformText = Schema.String.check(Schema.isPattern(written)).pipe(
  Schema.decodeTo(Platform, {
    decode: SchemaGetter.transform((text: string) => {
      const [os = "", architecture = "", variant = ""] = text.split("/")
      return format(normalize(os, architecture, variant))
    }),
    encode: SchemaGetter.transform((platform: string) => platform)
  })
)

/** A variant as a number that grows with it, undefined for one that is no version: `v8.5` is 805. */
const versionOf = (architecture: string, variant: string): number | undefined => {
  const match = /^v(\d{1,3})(?:\.(\d{1,2}))?$/.exec(
    variant === "" ? (plainVariants[architecture] ?? "v0") : variant
  )
  return match === null ? undefined : Number(match[1]) * 100 + Number(match[2] ?? 0)
}

/** How far apart the classes of {@link preference} are: more than any two variants. */
const apart = 1_000_000

/**
 * How well a child suits `platform`, the smaller the better; undefined where it does not. The exact variant goes first,
 * then those that run where `platform` does, then any other of the architecture; in each, the nearest to the plain
 * variant, older before newer. A child that asks for features of the system, which nobody here has, goes last.
 *
 * An empty os is the one that is asked for (containerd: the reader's own); `unknown`, which attestations have, is none.
 */
export const preference = (platform: Platform, child: DescriptorPlatform): number | undefined => {
  const [wantedOs = "", wantedArchitecture = "", wantedVariant = ""] = platform.split("/")
  const wanted = normalize(wantedOs, wantedArchitecture, wantedVariant)
  const [os, architecture, variant] = normalize(child.os || wantedOs, child.architecture, child.variant)
  if (os !== wanted[0] || architecture !== wanted[1] || os === "unknown" || architecture === "unknown") {
    return undefined
  }
  const features = child.hasFeatures ? 3 * apart : 0
  if (variant === wanted[2]) return features
  const version = versionOf(architecture, variant)
  if (version === undefined) return features + 3 * apart - 1
  const plain = versionOf(architecture, "") ?? 0
  const runs = version <= (versionOf(architecture, wanted[2]) ?? plain)
  return features + (runs ? 1 : 2) * apart + 2 * Math.abs(version - plain) + Number(version > plain)
}

/** The way a child's platform is written in messages; what it holds may be long. */
export const describe = ({ architecture, hasFeatures, os, variant }: DescriptorPlatform): string =>
  format([os.slice(0, 32), architecture.slice(0, 32), variant.slice(0, 32)]) +
  (hasFeatures ? " with os.features" : "")
