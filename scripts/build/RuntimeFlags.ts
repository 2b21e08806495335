/**
 * Flags of V8's that the executable runs with, chosen by the sweep in docs/decisions.md. Node is given the same ones when it
 * makes the code cache: V8 takes code only from a V8 with the same flags.
 */
export const v8Flags: ReadonlyArray<string> = ["--max-semi-space-size=2", "--max-old-space-size=192"]

/** Flags of Node's that the executable runs with. */
export const nodeFlags: ReadonlyArray<string> = [
  // SIGUSR1 would open a debugger, which reads keys and tokens.
  "--disable-sigusr1",
  // The program has warnings in its own log.
  "--no-warnings"
]
