/** The message of an error, or the text of any other cause. */
export const causeText = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
