import { Schema } from "effect"
import { Digest } from "./Digest.ts"
import { DescriptorPlatform } from "./Platform.ts"

/** Sizes are counted in bytes and kept exact: whole numbers up to 2^53 - 1. */
const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** A content descriptor; unknown properties are tolerated. Source: image-spec, descriptor.md. */
export const Descriptor = Schema.Struct({
  mediaType: Schema.String,
  digest: Digest,
  size: Size,
  urls: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})
export type Descriptor = typeof Descriptor.Type

/** A descriptor as it stands in an index. */
export const ChildDescriptor = Schema.Struct({
  ...Descriptor.fields,
  platform: Schema.optionalKey(Schema.NullOr(DescriptorPlatform))
})
export type ChildDescriptor = typeof ChildDescriptor.Type
