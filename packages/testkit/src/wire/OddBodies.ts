import {
  brokenBody,
  transferChunked,
  contentLength5,
  responseBytes,
  type OddResponse,
  statusLineOk,
  response,
  failure
} from "./OddResponse.ts"

const invalid = (value: string): OddResponse => ({
  situation: `a Content-Length of ${JSON.stringify(value)}`,
  bytes: responseBytes([statusLineOk, `Content-Length: ${value}`]),
  expected: failure("not a length"),
  goBehaviour: "the same",
  nodeBehaviour: "the same"
})

const refusedChunks = (situation: string, body: string, got = ""): OddResponse => ({
  situation,
  bytes: responseBytes([statusLineOk, transferChunked], body),
  expected: brokenBody(got),
  goBehaviour: "the same",
  nodeBehaviour: "the same"
})

const whole = "5\r\nhello\r\n0\r\n\r\n"

/** Responses with an unusual Content-Length, Transfer-Encoding or end of the body. */
export const oddBodies: ReadonlyArray<OddResponse> = [
  {
    situation: "the same Content-Length twice",
    bytes: responseBytes([statusLineOk, contentLength5, contentLength5]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "the same Content-Length twice in one field",
    bytes: responseBytes([statusLineOk, "Content-Length: 5, 5"]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "refuses it",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "two Content-Lengths",
    bytes: responseBytes([statusLineOk, contentLength5, "Content-Length: 6"]),
    expected: failure("not a length"),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  ...["5, 6", "+5", "-5", "0x5", "five", "", "99999999999999999999"].map(invalid),
  {
    situation: "blanks around a Content-Length",
    bytes: responseBytes([statusLineOk, "Content-Length:\t 5 \t"]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "fewer bytes than the Content-Length",
    bytes: responseBytes([statusLineOk, "Content-Length: 9"]),
    closesConnection: true,
    expected: brokenBody("hello"),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "more bytes than the Content-Length",
    bytes: responseBytes([statusLineOk, contentLength5], "helloEXTRA"),
    expected: response(200),
    goBehaviour: "the same",
    nodeBehaviour: "breaks the response"
  },
  {
    situation: "more bytes than the Content-Length, and Connection: close",
    bytes: responseBytes([statusLineOk, contentLength5, "Connection: close"], "helloEXTRA"),
    closesConnection: true,
    expected: response(200),
    goBehaviour: "the same",
    nodeBehaviour: "breaks the response"
  },
  {
    situation: "204 with a Content-Length",
    bytes: responseBytes(["HTTP/1.1 204 No Content", contentLength5], ""),
    expected: response(204, ""),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "204 with a body",
    bytes: responseBytes(["HTTP/1.1 204 No Content", contentLength5]),
    expected: response(204, ""),
    goBehaviour: "the same",
    nodeBehaviour: "breaks the response"
  },
  {
    situation: "304 with the Content-Length of what is not sent",
    bytes: responseBytes(["HTTP/1.1 304 Not Modified", contentLength5], ""),
    expected: response(304, ""),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "chunks",
    bytes: responseBytes(
      [statusLineOk, "Transfer-Encoding: Chunked"],
      'a\r\nhellohello\r\nA;x="a b"\r\nhellohello\r\n0;y\r\n\r\n'
    ),
    expected: response(200, "hello".repeat(4)),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "blanks behind a chunk's size",
    bytes: responseBytes([statusLineOk, transferChunked], "5  \r\nhello\r\n0\r\n\r\n"),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "blanks before a chunk's extension",
    bytes: responseBytes([statusLineOk, transferChunked], "5 ; a=b c;;\r\nhello\r\n0\r\n\r\n"),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "refuses it",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "zeros before a chunk's size",
    bytes: responseBytes([statusLineOk, transferChunked], "00005\r\nhello\r\n0000\r\n\r\n"),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "trailers",
    bytes: responseBytes(
      [statusLineOk, transferChunked],
      "5\r\nhello\r\n0\r\nX-Trailer: a\r\nX-Other: b\r\n\r\n"
    ),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  refusedChunks("chunks whose lines end in LF alone", "5\nhello\n0\n\n"),
  refusedChunks("a chunk longer than it says", "5\r\nhello!\r\n0\r\n\r\n", "hello"),
  refusedChunks("a chunk's size of 0x5", "0x5\r\nhello\r\n0\r\n\r\n"),
  refusedChunks("a chunk without a size", "\r\nhello\r\n0\r\n\r\n"),
  refusedChunks("a chunk's size beyond all bounds", "FFFFFFFFFFFFFFFFFF\r\nhello"),
  {
    situation: "chunks that end without the last one",
    bytes: responseBytes([statusLineOk, transferChunked], "5\r\nhello\r\n"),
    closesConnection: true,
    expected: brokenBody("hello"),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "chunks, and a Content-Length",
    bytes: responseBytes([statusLineOk, "Content-Length: 3", transferChunked], whole),
    expected: response(200),
    goBehaviour: "the same, and keeps the connection",
    nodeBehaviour: "refuses it"
  },
  {
    situation: "chunks in HTTP/1.0",
    bytes: responseBytes(["HTTP/1.0 200 OK", transferChunked], whole),
    closesConnection: true,
    expected: response(200),
    goBehaviour: "gives the chunks as they are",
    nodeBehaviour: "the same"
  },
  {
    situation: "Transfer-Encoding: identity",
    bytes: responseBytes([statusLineOk, "Transfer-Encoding: identity", contentLength5]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "refuses it",
    nodeBehaviour: "refuses it"
  },
  ...["gzip, chunked", "chunked, identity", "chunked, chunked"].map((coding) => ({
    situation: `Transfer-Encoding: ${coding}`,
    bytes: responseBytes([statusLineOk, `Transfer-Encoding: ${coding}`], whole),
    expected: failure("Transfer-Encoding"),
    goBehaviour: "the same",
    nodeBehaviour: "gives what it takes for the body"
  })),
  {
    situation: "neither length nor chunks: the end of the connection",
    bytes: responseBytes([statusLineOk]),
    closesConnection: true,
    expected: response(200),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "Connection: close among others",
    bytes: responseBytes([statusLineOk, contentLength5, "Connection: foo, CLOSE"]),
    closesConnection: true,
    expected: response(200),
    goBehaviour: "the same",
    nodeBehaviour: "the same"
  },
  {
    situation: "Proxy-Connection: close",
    bytes: responseBytes([statusLineOk, contentLength5, "Proxy-Connection: close"]),
    expected: response(200),
    reusesConnection: true,
    goBehaviour: "the same",
    nodeBehaviour: "closes the connection"
  },
  {
    situation: "a field twice",
    bytes: responseBytes([statusLineOk, contentLength5, "X-Field: a", "X-Field: b"]),
    expected: response(200, "hello", "a, b"),
    reusesConnection: true,
    goBehaviour: "gives both; its Get the first",
    nodeBehaviour: "the same"
  }
]
