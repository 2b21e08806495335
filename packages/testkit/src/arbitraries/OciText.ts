import fc from "fast-check"

const oneOf = (characters: string) => fc.constantFrom(...characters.split(""))

const hex = (length: number) =>
  fc
    .array(oneOf("0123456789abcdef"), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""))

export const digest = fc.oneof(
  hex(64).map((digits) => `sha256:${digits}`),
  hex(128).map((digits) => `sha512:${digits}`)
)

const alphanumeric = fc
  .array(oneOf("abcxyz0189"), { minLength: 1, maxLength: 8 })
  .map((characters) => characters.join(""))
const separator = fc.constantFrom(".", "_", "__", "-", "--", "---")

const component = fc
  .tuple(alphanumeric, fc.array(fc.tuple(separator, alphanumeric), { maxLength: 2 }))
  .map(([first, rest]) => first + rest.flat().join(""))

/** Generates repository names, all much shorter than the limit of 255 characters. */
export const repositoryName = fc
  .array(component, { minLength: 1, maxLength: 5 })
  .map((components) => components.join("/"))

const label = fc
  .tuple(oneOf("abzABZ"), fc.array(oneOf("ab09-"), { maxLength: 6 }), oneOf("az09"))
  .map(([first, middle, last]) => first + middle.join("") + last)
  // A label that contains `--`, such as `xn--a`, would have to be valid Punycode.
  .filter((text) => !text.includes("--"))
const hostname = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."))
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined })

/** Generates `host[:port]`. The host is a DNS name, an IPv4 address, or an IPv6 address in brackets. */
export const registryHost = fc
  .tuple(
    fc.oneof(
      hostname,
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`)
    ),
    port
  )
  .map(([address, number]) => (number === undefined ? address : `${address}:${number}`))

export const platform = fc
  .tuple(
    fc.constantFrom("linux", "windows", "darwin"),
    fc.constantFrom("amd64", "arm64", "arm", "s390x"),
    fc.constantFrom(undefined, "v6", "v7", "v8")
  )
  .map((parts) => parts.filter((part) => part !== undefined).join("/"))

/** Generates any text, including lone surrogates, control characters and long repetitions. */
export const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 600 }),
  fc
    .array(fc.integer({ min: 0, max: 0xff_ff }), { maxLength: 40 })
    .map((units) => String.fromCharCode(...units)),
  fc
    .tuple(
      fc.constantFrom("a", "[", "/", "-", ".", "\u0000", "é", "\uD800"),
      fc.integer({ min: 0, max: 100_000 })
    )
    .map(([unit, times]) => unit.repeat(times))
)

export const anyBytes = fc.uint8Array({ maxLength: 512 })
