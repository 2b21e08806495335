/**
 * A field of a protobuf message. `start`, `value` and `end` are the offsets of the field's tag, of its value, and of
 * its end.
 */
interface Field {
  readonly number: number
  readonly start: number
  readonly value: number
  readonly end: number
}

const varint = (bytes: Uint8Array, at: number): readonly [value: number, next: number] => {
  let value = 0
  let scale = 1
  for (let index = at; ; index++) {
    const byte = bytes[index] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return [value, index + 1]
    scale *= 0x80
  }
}

/** Iterates over the fields of the message between two offsets. Source: protobuf, "Encoding". */
function* fields(bytes: Uint8Array, start: number, end: number): Generator<Field> {
  let at = start
  while (at < end) {
    const [tag, value] = varint(bytes, at)
    const begin = at
    switch (tag & 7) {
      case 0:
        ;[, at] = varint(bytes, value)
        yield { number: tag >>> 3, start: begin, value, end: at }
        break
      case 1:
        at = value + 8
        yield { number: tag >>> 3, start: begin, value, end: at }
        break
      case 2: {
        const [length, content] = varint(bytes, value)
        at = content + length
        yield { number: tag >>> 3, start: begin, value: content, end: at }
        break
      }
      case 5:
        at = value + 4
        yield { number: tag >>> 3, start: begin, value, end: at }
        break
      default:
        throw new RangeError("not a protobuf message")
    }
  }
}

const find = (bytes: Uint8Array, within: Pick<Field, "value" | "end">, number: number): Field => {
  const found = fields(bytes, within.value, within.end).find((field) => field.number === number)
  if (found === undefined) throw new RangeError(`no field ${number}`)
  return found
}

/** The bytes that spans with the same attributes share, and the offsets of the fields in which they differ. */
export interface SpanTemplate {
  /** The `resource` field of ResourceSpans, with its tag. */
  readonly resource: Uint8Array
  /** The encoded `scope` field of ScopeSpans. It begins with the tag of the field. */
  readonly scope: Uint8Array
  /**
   * The `spans` field of ScopeSpans, with its tag. This field contains one span. The numbers in this template are
   * offsets in `span`, in bytes.
   */
  readonly span: Uint8Array
  readonly traceId: number
  readonly spanId: number
  readonly parentId: number | undefined
  readonly startTime: number
  readonly endTime: number
}

/** Makes a template from a serialized request with one span. Source: opentelemetry/proto/trace/v1/trace.proto. */
export const make = (request: Uint8Array): SpanTemplate => {
  const resourceSpans = find(request, { value: 0, end: request.length }, 1)
  const scopeSpans = find(request, resourceSpans, 2)
  const span = find(request, scopeSpans, 2)
  const raw = ({ end, start }: Field): Uint8Array => request.slice(start, end)
  const offset = (number: number): number => find(request, span, number).value - span.start
  const parent = fields(request, span.value, span.end).find(({ number }) => number === 4)
  return {
    resource: raw(find(request, resourceSpans, 1)),
    scope: raw(find(request, scopeSpans, 1)),
    span: raw(span),
    traceId: offset(1),
    spanId: offset(2),
    parentId: parent === undefined ? undefined : parent.value - span.start,
    startTime: offset(7),
    endTime: offset(8)
  }
}

/** Encodes the tag and the length of a protobuf field that contains a message. `number` must be less than 16. */
export const header = (number: number, length: number): Buffer => {
  const bytes = [(number << 3) | 2]
  for (let left = length; ; left = Math.floor(left / 0x80)) {
    if (left < 0x80) {
      bytes.push(left)
      return Buffer.from(bytes)
    }
    bytes.push((left & 0x7f) | 0x80)
  }
}
