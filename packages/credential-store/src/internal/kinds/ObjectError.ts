import { Schema } from "effect"

/** Why an object gives no registry source; `detail` names the field at fault and shows none of its values. */
export class ObjectError extends Schema.TaggedError<ObjectError>()("ObjectError", {
  detail: Schema.String
}) {}
