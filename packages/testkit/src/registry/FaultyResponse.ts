import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { type Fault, find, type Stall } from "./Fault.ts"
import * as ServedResponse from "./ServedResponse.ts"

/** A response to which faults were applied, with its ending and its delays. */
export interface FaultyResponse {
  readonly answer: ServedResponse.ServedResponse
  /** The end after the last byte: `end` completes the response, `close` and `reset` break the connection. */
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
  answer: ServedResponse.ServedResponse,
  changes: Readonly<Record<string, string | undefined>>
): ServedResponse.ServedResponse => {
  const headers: Record<string, string> = { ...answer.headers }
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete headers[name.toLowerCase()]
    else headers[name.toLowerCase()] = value
  }
  return { ...answer, headers }
}

/** Returns the response of a Status fault, which replaces the registry's response. Undefined without such a fault. */
export const replace = (faults: ReadonlyArray<Fault>): ServedResponse.ServedResponse | undefined => {
  const status = find(faults, "Status")
  if (status === undefined) return undefined
  const answer =
    status.body === undefined
      ? ServedResponse.error(status.status)
      : ServedResponse.text(status.status, status.body)
  return withHeaders(answer, status.headers ?? {})
}

/** Applies the faults that concern the head, the body and the ending of a response. */
export const apply = (
  faults: ReadonlyArray<Fault>,
  original: ServedResponse.ServedResponse
): FaultyResponse => {
  let answer = original
  let ending: FaultyResponse["ending"] = "end"
  const body = find(faults, "Body")
  if (body !== undefined) {
    const bytes = new TextEncoder().encode(body.body)
    answer = ServedResponse.make(answer.status, answer.headers, { size: bytes.length, chunks: () => [bytes] })
  }
  const encoding = find(faults, "Encode")
  if (encoding !== undefined) {
    const bytes = encoders[encoding.coding](Buffer.concat([...answer.body.chunks()]))
    const headers = { ...answer.headers, "content-encoding": encoding.coding }
    answer = ServedResponse.make(answer.status, headers, { size: bytes.length, chunks: () => [bytes] })
  }
  const wrongStatus = find(faults, "WrongStatus")
  if (wrongStatus !== undefined) answer = { ...answer, status: wrongStatus.status }
  const corruption = find(faults, "Corrupt")
  if (corruption !== undefined) {
    const { chunks, size } = answer.body
    answer = { ...answer, body: { size, chunks: () => corrupt(chunks(), corruption.at) } }
  }
  const truncation = find(faults, "Truncate")
  if (truncation !== undefined && truncation.after < answer.body.size) {
    const { chunks } = answer.body
    answer = { ...answer, body: { size: truncation.after, chunks: () => take(chunks(), truncation.after) } }
    if (truncation.ending !== "short-length") ending = truncation.ending
    else answer = withHeaders(answer, { "content-length": String(truncation.after) })
  }
  const wrong = find(faults, "WrongLength")
  if (wrong !== undefined) {
    answer = withHeaders(answer, { "content-length": String(Math.max(0, answer.body.size + wrong.by)) })
    ending = "close"
  }
  if (find(faults, "Endless") !== undefined) {
    const { chunks } = answer.body
    answer = { ...answer, body: { size: Infinity, chunks: () => endless(chunks()) } }
  }
  if (find(faults, "NoLength") !== undefined || find(faults, "Endless") !== undefined) {
    answer = withHeaders(answer, { "content-length": undefined })
  }
  return {
    answer: withHeaders(answer, find(faults, "Headers")?.headers ?? {}),
    ending,
    stall: find(faults, "Stall"),
    bytesPerSecond: find(faults, "RateLimit")?.bytesPerSecond
  }
}
