import { Effect, Result, Schema, SchemaGetter, SchemaIssue } from "effect"

/**
 * Makes a schema that decodes a text with `parse` and encodes a value with `format`. If `parse` fails, its failure
 * becomes the message of the schema issue. The failure continues a sentence that begins with the text, for example `has
 * no unit`.
 */
export const textSchema = <To extends Schema.Constraint>(
  to: To,
  parse: (text: string) => Result.Result<To["Encoded"], string>,
  format: (value: To["Encoded"]) => string
) =>
  Schema.String.pipe(
    Schema.decodeTo(to, {
      decode: SchemaGetter.transformEffect((text: string) =>
        Effect.fromResult(
          Result.mapError(parse(text), (message) => new SchemaIssue.InvalidValue({ message }))
        )
      ),
      encode: SchemaGetter.transform(format)
    })
  )

/**
 * If the issue comes from a {@link textSchema} whose `parse` failed, returns the failure of `parse`. Otherwise returns
 * undefined.
 */
export const parseFailure = (issue: SchemaIssue.Issue): string | undefined => {
  switch (issue._tag) {
    case "InvalidValue":
      return issue.annotations?.message
    case "Encoding":
      return parseFailure(issue.issue)
    default:
      return undefined
  }
}
