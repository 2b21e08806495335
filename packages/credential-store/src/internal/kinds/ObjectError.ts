import { Schema } from "effect"

/** An object is invalid. `detail` names the field, but does not contain its value. */
export class ObjectError extends Schema.TaggedError<ObjectError>()("ObjectError", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}
