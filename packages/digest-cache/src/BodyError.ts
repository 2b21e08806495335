import { Digest } from "@registry-packages-proxy/oci/Digest"
import { Schema } from "effect"
import { causeText } from "./internal/CauseText.ts"

/** The digest or the size of the bytes differs from the manifest. */
export class DigestMismatch extends Schema.TaggedError<DigestMismatch>()("DigestMismatch", {
  expected: Digest,
  /** In bytes. */
  expectedSize: Schema.Int,
  /** In bytes. */
  actualSize: Schema.Int
}) {
  override get message(): string {
    return this.actualSize === this.expectedSize
      ? `the bytes do not match digest ${this.expected}`
      : `the bytes do not match digest ${this.expected}: expected ${this.expectedSize} bytes, got ${this.actualSize}`
  }
}

/** The cached bytes could not be read, or changed while they were read. */
export class DiskFailed extends Schema.TaggedError<DiskFailed>()("DiskFailed", {
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `the cached package could not be read: ${causeText(this.cause)}`
  }
}

/** The cache stopped before the body was complete. */
export class Stopped extends Schema.TaggedError<Stopped>()("Stopped", {}) {
  override get message(): string {
    return "the cache has stopped"
  }
}

/**
 * The body cannot be completed with verified bytes. If the response has begun, the sender must close the connection.
 */
export class BodyError extends Schema.TaggedError<BodyError>()("BodyError", {
  reason: Schema.Union([DigestMismatch, DiskFailed, Stopped])
}) {
  override get message(): string {
    return this.reason.message
  }
}
