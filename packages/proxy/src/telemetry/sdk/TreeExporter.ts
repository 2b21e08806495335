import { ExportResultCode } from "@opentelemetry/core"
import type { SpanExporter } from "@opentelemetry/sdk-trace"
import type { Output } from "../../config/ProcessEnvironment.ts"
import * as SpanTree from "../SpanTree.ts"
import { view } from "./SpanView.ts"

/** Prints each batch of spans as trees. */
export const make = (output: Output): SpanExporter => ({
  export: (spans, done) => {
    output.write(SpanTree.render(spans.map(view)), () => done({ code: ExportResultCode.SUCCESS }))
  },
  shutdown: () => Promise.resolve()
})
