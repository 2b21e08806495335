/** Returns the message of an `Error`. Converts any other value to a string. */
export const causeText = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
