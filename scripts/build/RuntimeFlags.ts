/** The flags that an executable runs with. */
export interface RuntimeFlags {
  /**
   * V8's own. Node is given the same ones when it makes the code cache: V8 takes code only from a V8 with the same
   * flags.
   */
  readonly v8: ReadonlyArray<string>
  readonly node: ReadonlyArray<string>
}

/** Those of the executable that is shipped, chosen by the sweep in docs/decisions.md. */
export const shipped: RuntimeFlags = {
  v8: [
    "--max-semi-space-size=4",
    "--max-old-space-size=192",
    // Pulls collect what their bytes came in: packages/node-net/src/http/BodyReader.ts.
    "--expose-gc"
  ],
  node: [
    // SIGUSR1 would open a debugger, which reads keys and tokens.
    "--disable-sigusr1",
    // The program has warnings in its own log.
    "--no-warnings"
  ]
}
