/** The flags of an executable. */
export interface RuntimeFlags {
  /**
   * V8's own. Node is given the same ones when it makes the code cache: V8 takes code only from a V8 with the same
   * flags.
   */
  readonly v8: ReadonlyArray<string>
  readonly node: ReadonlyArray<string>
}

/** The flags of the shipped executable, chosen by the sweep in docs/decisions.md. */
export const shipped: RuntimeFlags = {
  v8: [
    "--max-semi-space-size=4",
    "--max-old-space-size=192",
    // Pulls collect the memory of their chunks: packages/node-net/src/http/BodyReader.ts.
    "--expose-gc",
    // listen() tests its address with a regular expression whose bytecode takes 1.7 MB to make.
    "--no-regexp-tier-up"
  ],
  node: [
    // SIGUSR1 would open a debugger, which can read keys and tokens.
    "--disable-sigusr1",
    // The program logs warnings itself.
    "--no-warnings"
  ]
}
