import { Digest } from "@registry-packages-proxy/oci/Digest"
import { Schema } from "effect"

/** The bytes are not the ones the manifest names: another digest, or another size. */
export class DigestMismatch extends Schema.TaggedError<DigestMismatch>()("DigestMismatch", {
  expected: Digest,
  expectedSize: Schema.Int,
  actualSize: Schema.Int
}) {}

/** The cache could not read back what it holds. */
export class DiskFailed extends Schema.TaggedError<DiskFailed>()("DiskFailed", {
  cause: Schema.Defect()
}) {}

/** The cache stopped while the body was under way. */
export class Stopped extends Schema.TaggedError<Stopped>()("Stopped", {}) {}

/** A body that cannot be given whole and right; whoever sends it breaks the connection. */
export class BodyError extends Schema.TaggedError<BodyError>()("BodyError", {
  reason: Schema.Union([DigestMismatch, DiskFailed, Stopped])
}) {}
