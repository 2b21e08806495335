import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { type Fault, findFault, type Stall } from "./Fault.ts"
import * as ServedResponse from "./ServedResponse.ts"

/** A response to which faults were applied, with its delays and its ending. */
export interface FaultyResponse {
  readonly response: ServedResponse.ServedResponse
  /** The action after the last byte. `end` completes the response. `close` and `reset` break the connection. */
  readonly ending: "end" | "close" | "reset"
  readonly stall: Stall | undefined
  readonly bytesPerSecond: number | undefined
}

const encoders = {
  br: brotliCompressSync,
  deflate: deflateSync,
  gzip: gzipSync,
  zstd: zstdCompressSync
} as const

const take = function* (chunks: Iterable<Uint8Array>, count: number) {
  let left = count
  for (const chunk of chunks) {
    if (left === 0) return
    yield chunk.subarray(0, left)
    left -= Math.min(left, chunk.length)
  }
}

const corrupt = function* (chunks: Iterable<Uint8Array>, at: number) {
  let offset = 0
  for (const chunk of chunks) {
    const index = at - offset
    offset += chunk.length
    if (index < 0 || index >= chunk.length) yield chunk
    else yield chunk.map((byte, position) => (position === index ? byte ^ 0xff : byte))
  }
}

const endless = function* (chunks: Iterable<Uint8Array>) {
  yield* chunks
  const zeros = new Uint8Array(65536)
  while (true) yield zeros
}

const withHeaders = (
  response: ServedResponse.ServedResponse,
  changes: Readonly<Record<string, string | undefined>>
): ServedResponse.ServedResponse => {
  const headers: Record<string, string> = { ...response.headers }
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete headers[name.toLowerCase()]
    else headers[name.toLowerCase()] = value
  }
  return { ...response, headers }
}

/**
 * Returns the response of a `Status` fault, to be sent instead of the registry's response. Undefined if there is no
 * such fault.
 */
export const replacementOf = (faults: ReadonlyArray<Fault>): ServedResponse.ServedResponse | undefined => {
  const status = findFault(faults, "Status")
  if (status === undefined) return undefined
  const response =
    status.body === undefined
      ? ServedResponse.error(status.status)
      : ServedResponse.jsonText(status.status, status.body)
  return withHeaders(response, status.headers ?? {})
}

/**
 * Applies faults to the head, the body and the ending of a response. Ignores `Status`, `DelayHeaders`, `Reset` and the
 * faults that concern a Range.
 */
export const apply = (
  faults: ReadonlyArray<Fault>,
  original: ServedResponse.ServedResponse
): FaultyResponse => {
  let response = original
  let ending: FaultyResponse["ending"] = "end"
  const body = findFault(faults, "Body")
  if (body !== undefined) {
    const bytes = new TextEncoder().encode(body.body)
    response = ServedResponse.make(response.status, response.headers, {
      size: bytes.length,
      chunks: () => [bytes]
    })
  }
  const encoding = findFault(faults, "Encode")
  if (encoding !== undefined) {
    const bytes = encoders[encoding.coding](Buffer.concat([...response.body.chunks()]))
    const headers = { ...response.headers, "content-encoding": encoding.coding }
    response = ServedResponse.make(response.status, headers, { size: bytes.length, chunks: () => [bytes] })
  }
  const wrongStatus = findFault(faults, "WrongStatus")
  if (wrongStatus !== undefined) response = { ...response, status: wrongStatus.status }
  const corruption = findFault(faults, "Corrupt")
  if (corruption !== undefined) {
    const { chunks, size } = response.body
    response = { ...response, body: { size, chunks: () => corrupt(chunks(), corruption.at) } }
  }
  const truncation = findFault(faults, "Truncate")
  if (truncation !== undefined && truncation.after < response.body.size) {
    const { chunks } = response.body
    response = {
      ...response,
      body: { size: truncation.after, chunks: () => take(chunks(), truncation.after) }
    }
    if (truncation.ending !== "short-length") ending = truncation.ending
    else response = withHeaders(response, { "content-length": String(truncation.after) })
  }
  const wrong = findFault(faults, "WrongLength")
  if (wrong !== undefined) {
    response = withHeaders(response, { "content-length": String(Math.max(0, response.body.size + wrong.by)) })
    ending = "close"
  }
  if (findFault(faults, "Endless") !== undefined) {
    const { chunks } = response.body
    response = { ...response, body: { size: Infinity, chunks: () => endless(chunks()) } }
  }
  if (findFault(faults, "NoLength") !== undefined || findFault(faults, "Endless") !== undefined) {
    response = withHeaders(response, { "content-length": undefined })
  }
  return {
    response: withHeaders(response, findFault(faults, "Headers")?.headers ?? {}),
    ending,
    stall: findFault(faults, "Stall"),
    bytesPerSecond: findFault(faults, "RateLimit")?.bytesPerSecond
  }
}
