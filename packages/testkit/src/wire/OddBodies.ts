import { broken, chunked, length, lines, type OddResponse, ok, read, refused } from "./OddResponse.ts"

const invalid = (value: string): OddResponse => ({
  situation: `a Content-Length of ${JSON.stringify(value)}`,
  bytes: lines([ok, `Content-Length: ${value}`]),
  right: refused("not a length"),
  go: "the same",
  node: "the same"
})

const refusedChunks = (situation: string, body: string, got = ""): OddResponse => ({
  situation,
  bytes: lines([ok, chunked], body),
  right: broken(got),
  go: "the same",
  node: "the same"
})

const whole = "5\r\nhello\r\n0\r\n\r\n"

/** Responses with an unusual Content-Length, Transfer-Encoding or end of the body. */
export const oddBodies: ReadonlyArray<OddResponse> = [
  {
    situation: "the same Content-Length twice",
    bytes: lines([ok, length, length]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "refuses it"
  },
  {
    situation: "the same Content-Length twice in one field",
    bytes: lines([ok, "Content-Length: 5, 5"]),
    right: read(200),
    isKept: true,
    go: "refuses it",
    node: "refuses it"
  },
  {
    situation: "two Content-Lengths",
    bytes: lines([ok, length, "Content-Length: 6"]),
    right: refused("not a length"),
    go: "the same",
    node: "the same"
  },
  ...["5, 6", "+5", "-5", "0x5", "five", "", "99999999999999999999"].map(invalid),
  {
    situation: "blanks around a Content-Length",
    bytes: lines([ok, "Content-Length:\t 5 \t"]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "fewer bytes than the Content-Length",
    bytes: lines([ok, "Content-Length: 9"]),
    isEnded: true,
    right: broken("hello"),
    go: "the same",
    node: "the same"
  },
  {
    situation: "more bytes than the Content-Length",
    bytes: lines([ok, length], "helloEXTRA"),
    right: read(200),
    go: "the same",
    node: "breaks the answer"
  },
  {
    situation: "more bytes than the Content-Length, and Connection: close",
    bytes: lines([ok, length, "Connection: close"], "helloEXTRA"),
    isEnded: true,
    right: read(200),
    go: "the same",
    node: "breaks the answer"
  },
  {
    situation: "204 with a Content-Length",
    bytes: lines(["HTTP/1.1 204 No Content", length], ""),
    right: read(204, ""),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "204 with a body",
    bytes: lines(["HTTP/1.1 204 No Content", length]),
    right: read(204, ""),
    go: "the same",
    node: "breaks the answer"
  },
  {
    situation: "304 with the Content-Length of what is not sent",
    bytes: lines(["HTTP/1.1 304 Not Modified", length], ""),
    right: read(304, ""),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "chunks",
    bytes: lines(
      [ok, "Transfer-Encoding: Chunked"],
      'a\r\nhellohello\r\nA;x="a b"\r\nhellohello\r\n0;y\r\n\r\n'
    ),
    right: read(200, "hello".repeat(4)),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "blanks behind a chunk's size",
    bytes: lines([ok, chunked], "5  \r\nhello\r\n0\r\n\r\n"),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "refuses it"
  },
  {
    situation: "blanks before a chunk's extension",
    bytes: lines([ok, chunked], "5 ; a=b c;;\r\nhello\r\n0\r\n\r\n"),
    right: read(200),
    isKept: true,
    go: "refuses it",
    node: "refuses it"
  },
  {
    situation: "zeros before a chunk's size",
    bytes: lines([ok, chunked], "00005\r\nhello\r\n0000\r\n\r\n"),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  {
    situation: "trailers",
    bytes: lines([ok, chunked], "5\r\nhello\r\n0\r\nX-Trailer: a\r\nX-Other: b\r\n\r\n"),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "the same"
  },
  refusedChunks("chunks whose lines end in LF alone", "5\nhello\n0\n\n"),
  refusedChunks("a chunk longer than it says", "5\r\nhello!\r\n0\r\n\r\n", "hello"),
  refusedChunks("a chunk's size of 0x5", "0x5\r\nhello\r\n0\r\n\r\n"),
  refusedChunks("a chunk without a size", "\r\nhello\r\n0\r\n\r\n"),
  refusedChunks("a chunk's size beyond all bounds", "FFFFFFFFFFFFFFFFFF\r\nhello"),
  {
    situation: "chunks that end without the last one",
    bytes: lines([ok, chunked], "5\r\nhello\r\n"),
    isEnded: true,
    right: broken("hello"),
    go: "the same",
    node: "the same"
  },
  {
    situation: "chunks, and a Content-Length",
    bytes: lines([ok, "Content-Length: 3", chunked], whole),
    right: read(200),
    go: "the same, and keeps the connection",
    node: "refuses it"
  },
  {
    situation: "chunks in HTTP/1.0",
    bytes: lines(["HTTP/1.0 200 OK", chunked], whole),
    isEnded: true,
    right: read(200),
    go: "gives the chunks as they are",
    node: "the same"
  },
  {
    situation: "Transfer-Encoding: identity",
    bytes: lines([ok, "Transfer-Encoding: identity", length]),
    right: read(200),
    isKept: true,
    go: "refuses it",
    node: "refuses it"
  },
  ...["gzip, chunked", "chunked, identity", "chunked, chunked"].map((coding) => ({
    situation: `Transfer-Encoding: ${coding}`,
    bytes: lines([ok, `Transfer-Encoding: ${coding}`], whole),
    right: refused("Transfer-Encoding"),
    go: "the same",
    node: "gives what it takes for the body"
  })),
  {
    situation: "neither length nor chunks: the end of the connection",
    bytes: lines([ok]),
    isEnded: true,
    right: read(200),
    go: "the same",
    node: "the same"
  },
  {
    situation: "Connection: close among others",
    bytes: lines([ok, length, "Connection: foo, CLOSE"]),
    isEnded: true,
    right: read(200),
    go: "the same",
    node: "the same"
  },
  {
    situation: "Proxy-Connection: close",
    bytes: lines([ok, length, "Proxy-Connection: close"]),
    right: read(200),
    isKept: true,
    go: "the same",
    node: "closes the connection"
  },
  {
    situation: "a field twice",
    bytes: lines([ok, length, "X-Field: a", "X-Field: b"]),
    right: read(200, "hello", "a, b"),
    isKept: true,
    go: "gives both; its Get the first",
    node: "the same"
  }
]
