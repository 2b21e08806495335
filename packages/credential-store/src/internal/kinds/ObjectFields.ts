import * as Base64Text from "@registry-packages-proxy/oci/Base64Text"
import { Predicate, Result, Schema, SchemaIssue } from "effect"
import { ObjectError } from "./ObjectError.ts"

/** An optional text field of an object. Absent, null and empty have the same meaning. */
export const OptionalText = Schema.optionalKey(Schema.NullOr(Schema.String))

/**
 * Parses a registry's scheme case-insensitively. Absent or empty means https. Fails for a scheme other than http and
 * https.
 */
export const parseScheme = (
  text: string | null | undefined,
  field: string
): Result.Result<"https" | "http", ObjectError> => {
  switch ((text ?? "").trim().toLowerCase()) {
    case "":
    case "https":
      return Result.succeed("https")
    case "http":
      return Result.succeed("http")
    default:
      return invalid(`${field} is not HTTP or HTTPS`)
  }
}

export const invalid = (detail: string): Result.Result<never, ObjectError> =>
  Result.fail(new ObjectError({ detail }))

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** Makes the error for an object with a wrong shape. The error names the field, but does not contain its value. */
export const shapeError = (error: Schema.SchemaError): ObjectError => {
  const path = format(error.issue).issues[0]?.path ?? []
  const name = path.map((key) => String(typeof key === "object" ? key.key : key)).join(".")
  return new ObjectError({ detail: `${name === "" ? "it" : name} is missing or not of the expected type` })
}

/**
 * Decodes base64 of UTF-8 text, as {@link Base64Text.decode} does. The error names `field`, but contains none of the
 * text.
 */
export const decodeBase64 = (text: string, field: string): Result.Result<string, ObjectError> =>
  Result.mapError(
    Base64Text.decode(text),
    (problem) =>
      new ObjectError({ detail: `${field} is not base64${problem === "not UTF-8" ? " of UTF-8 text" : ""}` })
  )

/**
 * For each field of `struct`, returns the value of the property with the same name in `value`. If `value` is not an
 * object, returns `value` itself.
 */
export const pickFields = (value: unknown, struct: Schema.Struct<Schema.Struct.Fields>): unknown =>
  Predicate.isObject(value) ? Object.keys(struct.fields).map((key) => value[key]) : value
