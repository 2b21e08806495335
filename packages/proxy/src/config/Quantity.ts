import { Result, Schema } from "effect"
import { textSchema } from "../text/TextSchema.ts"

// k8s.io/apimachinery/pkg/api/resource/quantity.go: sign, digits with an optional point, and one of three suffixes.
const pattern = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([A-Za-z].*)?$/
const exponent = /^[eE]([+-]?[0-9]+)$/
const decimalSuffixes = new Map([
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["k", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18]
])
const binarySuffixes = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

const maxLength = 64
// A larger exponent gives the same result: the quantity is too large, or its fraction is rounded up to 1 byte.
const maxExponent = 128n

interface Scale {
  readonly ten: bigint
  readonly two: bigint
}

const scaleOf = (suffix: string): Scale | undefined => {
  if (suffix === "") return { ten: 0n, two: 0n }
  const decimal = decimalSuffixes.get(suffix)
  if (decimal !== undefined) return { ten: BigInt(decimal), two: 0n }
  const binary = binarySuffixes.indexOf(suffix)
  if (binary >= 0) return { ten: 0n, two: 10n * BigInt(binary + 1) }
  const digits = exponent.exec(suffix)?.[1]
  return digits === undefined ? undefined : { ten: BigInt(digits), two: 0n }
}

const clamp = (value: bigint): bigint =>
  value > maxExponent ? maxExponent : value < -maxExponent ? -maxExponent : value

/**
 * Parses a Kubernetes quantity and returns it as a whole number of bytes. Rounds a fraction of a byte up, as Kubernetes
 * does. Fails if the quantity is negative.
 */
export const parse = (text: string): Result.Result<number, string> => {
  if (text.length > maxLength) return Result.fail(`is longer than ${maxLength} characters`)
  const match = pattern.exec(text)
  if (match === null) return Result.fail("is not a quantity")
  const [, sign, whole = "", fraction = "", suffix = ""] = match
  if (whole === "" && fraction === "") return Result.fail("has no digits")
  const scale = scaleOf(suffix)
  if (scale === undefined) return Result.fail(`has the unknown suffix ${JSON.stringify(suffix)}`)
  const mantissa = BigInt(whole + fraction)
  if (mantissa === 0n) return Result.succeed(0)
  if (sign === "-") return Result.fail("is negative")
  const ten = clamp(scale.ten - BigInt(fraction.length))
  const scaled = mantissa << scale.two
  const divisor = ten < 0n ? 10n ** -ten : 1n
  const bytes = ten < 0n ? (scaled + divisor - 1n) / divisor : scaled * 10n ** ten
  return bytes > BigInt(Number.MAX_SAFE_INTEGER)
    ? Result.fail(`is more than ${Number.MAX_SAFE_INTEGER} bytes`)
    : Result.succeed(Number(bytes))
}

/**
 * Formats a number of bytes with the largest binary suffix that needs no fraction. For example, 1073741824 becomes
 * `1Gi`.
 */
export const format = (bytes: number): string => {
  let value = bytes
  let step = -1
  while (value > 0 && value % 1024 === 0 && step < binarySuffixes.length - 1) {
    value /= 1024
    step++
  }
  return `${value}${binarySuffixes[step] ?? ""}`
}

/** A whole number of bytes, 0 or more. */
export const ByteCount = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).pipe(Schema.brand("ByteCount"))
export type ByteCount = typeof ByteCount.Type

/**
 * A number of bytes, written as a Kubernetes quantity such as `512Mi`.
 *
 * Source: kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity.
 */
export const Quantity = textSchema(ByteCount, parse, format)
