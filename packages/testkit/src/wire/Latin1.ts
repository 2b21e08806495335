/** Encodes text as UTF-8. Each character of the result is one byte (Latin-1), as in a header field of node:http. */
export const utf8AsLatin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1")
