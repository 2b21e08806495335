import { Runtime, Schema } from "effect"

/**
 * The arguments or the environment variables are not valid. The message has one line. The process exits with code 2.
 */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { message: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 2
}

/** --help was given. The program prints `text` and exits with code 0. */
export class HelpRequested extends Schema.TaggedError<HelpRequested>()("HelpRequested", {
  text: Schema.String
}) {
  override get message(): string {
    return "--help was given"
  }
  override readonly [Runtime.errorExitCode] = 0
}

/** --version was given. The program prints `text` and exits with code 0. */
export class VersionRequested extends Schema.TaggedError<VersionRequested>()("VersionRequested", {
  text: Schema.String
}) {
  override get message(): string {
    return "--version was given"
  }
  override readonly [Runtime.errorExitCode] = 0
}
