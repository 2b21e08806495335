/** Flags that are stored in an executable. They apply whenever the executable runs. */
export interface RuntimeFlags {
  /**
   * Flags of V8. The code cache is made with the same flags, because V8 rejects a code cache that was made with other
   * flags.
   */
  readonly v8: ReadonlyArray<string>
  readonly node: ReadonlyArray<string>
}

/** The flags of the shipped executable. docs/decisions.md has the measurements that led to these flags. */
export const shippedFlags: RuntimeFlags = {
  v8: [
    "--max-semi-space-size=4",
    "--max-old-space-size=192",
    // Lets packages/node-net/src/http/BodyReader.ts free the memory of received chunks.
    "--expose-gc",
    // listen() tests its address with a regular expression. Without this flag, V8 first compiles the expression to
    // bytecode, which takes 1.7 MB of memory.
    "--no-regexp-tier-up"
  ],
  node: [
    // SIGUSR1 would open a debugger, which can read keys and tokens.
    "--disable-sigusr1",
    // The program logs warnings itself.
    "--no-warnings"
  ]
}
