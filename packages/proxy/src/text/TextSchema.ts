import { Effect, Result, Schema, SchemaGetter, SchemaIssue } from "effect"

/**
 * A schema over `To` that reads its text with `parse` and prints it with `format`. A failure of `parse` becomes the
 * issue's message; it is worded to follow the value, as in `"1X" has an unknown suffix`.
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

/** The reason a `parse` of `textSchema` gave, if the issue is one of those. */
export const reasonOf = (issue: SchemaIssue.Issue): string | undefined => {
  switch (issue._tag) {
    case "InvalidValue":
      return issue.annotations?.message
    case "Encoding":
      return reasonOf(issue.issue)
    default:
      return undefined
  }
}
