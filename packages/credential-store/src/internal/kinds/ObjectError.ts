import { Schema } from "effect"

/** An object is invalid. `detail` names the field, but shows none of its value. */
export class ObjectError extends Schema.TaggedError<ObjectError>()("ObjectError", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}
