import { Runtime, Schema } from "effect"

/** The command line or environment asks for what the program cannot do. The message is one line; exit code 2. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { message: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 2
}

/** --help was given: `text` is the answer, and nothing else is to be done; exit code 0. */
export class HelpRequested extends Schema.TaggedError<HelpRequested>()("HelpRequested", {
  text: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 0
}

/** --version was given: as with `HelpRequested`. */
export class VersionRequested extends Schema.TaggedError<VersionRequested>()("VersionRequested", {
  text: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 0
}
