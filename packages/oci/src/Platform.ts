import { Schema } from "effect"

/** What an index says of one child. Source: image-spec, image-index.md, `platform`. */
export const DescriptorPlatform = Schema.Struct({
  os: Schema.String,
  architecture: Schema.String,
  variant: Schema.optionalKey(Schema.NullOr(Schema.String))
})
export type DescriptorPlatform = typeof DescriptorPlatform.Type

/** `os/architecture` or `os/architecture/variant`, in the names Go uses: `linux/amd64`, `linux/arm/v7`. */
export const Platform = Schema.String.check(
  Schema.isPattern(/^[a-z0-9]{1,32}\/[a-z0-9]{1,32}(?:\/[a-z0-9]{1,32})?$/, {
    expected: "os/architecture or os/architecture/variant in lowercase, as linux/amd64"
  })
).pipe(Schema.brand("Platform"))
export type Platform = typeof Platform.Type

// The variants that image-spec's table gives as the ones meant when none is named.
const defaultVariants: Readonly<Record<string, string>> = { arm64: "v8", arm: "v7" }

const variantOf = (architecture: string, variant: string | null | undefined): string =>
  variant === undefined || variant === null || variant === ""
    ? (defaultVariants[architecture] ?? "")
    : variant

/** Whether an index's child is for `platform`; a missing variant means the architecture's usual one. */
export const matches = (platform: Platform, child: DescriptorPlatform): boolean => {
  const [os, architecture = "", variant] = platform.split("/")
  return (
    child.os === os &&
    child.architecture === architecture &&
    variantOf(architecture, child.variant) === variantOf(architecture, variant)
  )
}

/** The way a child's platform is written in messages. */
export const format = (child: DescriptorPlatform): string =>
  [child.os, child.architecture, child.variant]
    .filter((part) => part !== undefined && part !== null && part !== "")
    .join("/")
