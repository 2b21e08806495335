import { Effect, Result, Schema, SchemaGetter, SchemaIssue } from "effect"

/**
 * A schema between text and `To`: decodes with `parse`, encodes with `format`. A failure of `parse` becomes the issue's
 * message; it is a predicate that follows the value, as in `"1X" has an unknown suffix`.
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

/** The message of the failed `parse`, if the issue comes from a `textSchema`. */
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
